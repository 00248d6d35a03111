--- Numbers that all processes of the gateway share, without a lock: the master maps them when it
-- reads the configuration, and its workers inherit them. A reload goes on with the same.

local ffi = require("ffi")

local dict = ngx.shared.reconciler
local ngx = ngx
local error, tonumber, tostring = error, tonumber, tostring

local COUNT = 512 * 1024 -- numbers; a page of them takes room when it is first used
local READ_WRITE, SHARED_ANONYMOUS = 3, 0x21
local FAILED = -1

ffi.cdef([[
void *mmap(void *address, size_t length, int protection, int flags, int file, long offset);
int getpid(void);
]])


--- Where they are, if this master has mapped them before.
local function known(master)
    local address = dict:get("memory")
    return address and dict:get("memory:master") == master and address
end


local function map(master)
    local memory = ffi.C.mmap(nil, COUNT * 8, READ_WRITE, SHARED_ANONYMOUS, FAILED, 0)
    local address = tonumber(ffi.cast("intptr_t", memory))
    if address == FAILED then
        error("there is no memory for the numbers of the gateway", 0)
    end
    local ok, err = dict:safe_set("memory", address)
    if ok then
        ok, err = dict:safe_set("memory:master", master)
    end
    if not ok then
        ngx.log(ngx.ERR, "a reload will begin to count anew: ", err)
    end
    return address
end


local master = tostring(ffi.C.getpid())
local address = known(master) or map(master)

return {
    --- 0 is the version of the table (log.lua); from 8 on they count requests (tally.lua).
    numbers = ffi.cast("double *", ffi.cast("uintptr_t", address)),
    COUNT = COUNT,
}
