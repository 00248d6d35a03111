--- What others may know of the endpoints of pools: how many requests each has not finished yet,
-- WebSockets among them, which refuse connections, and how many requests wait.
--
-- A worker decides by its own counts. For others to read they stand in shared memory too, under the
-- process id of the worker: what a worker that was killed has left there counts for nothing.

local ffi = require("ffi")

local counts = ngx.shared.reconciler_flights
local match = string.match
local ipairs, tonumber = ipairs, tonumber
local ngx = ngx

ffi.cdef([[
int kill(int pid, int signal);
]])

local ESRCH = 3
local LEASE = 5 -- seconds after which it counts no more that somebody was refused
local LONG = 600 -- the same, where nobody tries again but the next request
local ALL = "0" -- in place of the process id: of all workers
local MOST = 2048 -- things that are told

local _M = {}

local own, keys = {}, {}


local function key_of(kind, address)
    return ngx.worker.pid() .. " " .. kind .. " " .. address
end


local function keep(key, value, lease)
    local ok, err = counts:set(key, value, lease or 0)
    if not ok then
        ngx.log(ngx.ERR, "cannot tell ", key, ": ", err)
    end
end


--- How many of this worker's requests an endpoint has.
function _M.of(address)
    return own[address] or 0
end


--- A request is sent there.
function _M.begin(address)
    local count = (own[address] or 0) + 1
    own[address] = count
    if count == 1 then
        keys[address] = key_of("open", address)
    end
    keep(keys[address], count)
end


--- It is over.
function _M.land(address)
    local count = own[address]
    if not count then
        return -- it was sent nowhere
    end
    if count > 1 then
        own[address] = count - 1
        keep(keys[address], count - 1)
    else
        counts:delete(keys[address])
        own[address], keys[address] = nil, nil
    end
end


--- It accepts no connection; to be said again for as long as that is so.
function _M.refused(address)
    keep(key_of("refusing", address), 1, LEASE)
end


--- It does again.
function _M.accepted(address)
    counts:delete(key_of("refusing", address))
end


local function shut_key(place)
    return ALL .. " refusing " .. place
end


--- No connection comes about there, and only a request can tell when one does. Returns whether
-- that is news.
function _M.shut(place)
    local key = shut_key(place)
    local is_news = not counts:get(key)
    if is_news and #counts:get_keys(MOST) >= MOST then
        return false
    end
    keep(key, 1, LONG)
    return is_news
end


--- One has come about, whichever worker's. Returns whether that is news.
function _M.opened(place)
    local key = shut_key(place)
    if not counts:get(key) then
        return false
    end
    counts:delete(key)
    return true
end


--- So many requests of this worker wait.
function _M.parked(count)
    keep(key_of("parked", ""), count)
end


local function is_alive(pid)
    return pid == tonumber(ALL) or ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH
end


--- All of it, of all workers.
function _M.tell()
    local said, refused = { open = {}, refusing = {}, parked = 0 }, {}
    for _, key in ipairs(counts:get_keys(0)) do
        local pid, kind, address = match(key, "^(%d+) (%l+) (.*)$")
        local count = counts:get(key) or 0
        if not is_alive(tonumber(pid)) then
            counts:delete(key)
        elseif kind == "open" then
            said.open[address] = (said.open[address] or 0) + count
        elseif kind == "parked" then
            said.parked = said.parked + count
        elseif count > 0 and not refused[address] then
            refused[address] = true -- by one worker or by both
            said.refusing[#said.refusing + 1] = address
        end
    end
    return said
end


return _M
