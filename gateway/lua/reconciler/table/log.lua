--- The table as all workers share it: a whole document, and what was changed since.
--
-- `table:BASE` is the text of a document, `delta:V` the text of the change that made version V of
-- V - 1, `info:V` says digest and base of version V. Only `version` says what counts: until it is
-- moved nobody looks at what was written before, so a write that fails has changed nothing.

local memory = require("reconciler.memory")

local ngx = ngx
local dict = ngx.shared.reconciler
local numbers = memory.numbers
local format, match = string.format, string.match
local error, pcall, tonumber, tostring = error, pcall, tonumber, tostring

local LOCK_SECONDS = 10
local VERSION = 0 -- its place among the shared numbers

local _M = {}


--- Version, digest and base of what is served; 0, "" and 0 before there was any table.
function _M.head()
    for _ = 1, 10 do -- the next version may come between two looks
        local version = dict:get("version")
        if not version then
            return 0, "", 0
        end
        local info = dict:get("info:" .. version)
        if info then
            local digest, base = match(info, "^(%w*) (%d+)$")
            return version, digest, tonumber(base)
        end
    end
    error("the shared memory has lost what it knew of the table")
end


--- The number a request compares with what its worker serves: one look, and no lock.
function _M.version()
    return numbers[VERSION]
end


--- Say it again: at a reload, for other Lua before may have kept no such number or kept it
-- elsewhere, and for a timer, because a worker that is killed between the two leaves it unsaid.
function _M.tell()
    local version = dict:get("version") or 0
    if numbers[VERSION] < version then
        numbers[VERSION] = version
    end
end


--- The text of a whole document, nil when it was replaced by a newer one.
function _M.base(version)
    return dict:get("table:" .. version)
end


--- The text of the change that made this version; nil when a base has taken it in.
function _M.delta(version)
    return dict:get("delta:" .. version)
end


--- Always of one size: the shared memory overwrites it in its place, even when it is full.
local function info_of(digest, base)
    return format("%s %015d", digest, base)
end


local function point_at(version, digest, base)
    local ok, err = dict:safe_set("info:" .. version, info_of(digest, base))
    if ok then
        ok, err = dict:safe_set("version", version)
    end
    if ok then
        numbers[VERSION] = version
    end
    return ok, err
end


local function forget(from, to)
    for version = from, to do
        dict:delete("delta:" .. version)
    end
end


--- Serve a whole document. The old one goes only when the new one is in place.
function _M.replace(raw, version, digest)
    local before, _, base = _M.head()
    local ok, err = dict:safe_set("table:" .. version, raw)
    if ok then
        ok, err = point_at(version, digest, version)
    end
    if not ok then
        dict:delete("table:" .. version)
        dict:delete("info:" .. version)
        return nil, err
    end
    forget(base + 1, before)
    if base ~= version then
        dict:delete("table:" .. base)
    end
    if before ~= version then
        dict:delete("info:" .. before)
    end
    return true
end


--- Serve one change more.
function _M.append(raw, version, digest)
    local before, _, base = _M.head()
    local ok, err = dict:safe_set("delta:" .. version, raw)
    if ok then
        ok, err = point_at(version, digest, base)
    end
    if not ok then
        dict:delete("delta:" .. version)
        dict:delete("info:" .. version)
        return nil, err
    end
    dict:delete("info:" .. before)
    return true
end


--- Have `raw`, which says the same as the old base with all changes up to `version`, be the base.
function _M.rebase(raw, version)
    local newest, digest, base = _M.head()
    if base >= version or version > newest then
        return true -- a newer document has come meanwhile
    end
    local ok, err = dict:safe_set("table:" .. version, raw)
    if ok then
        ok, err = dict:safe_set("info:" .. newest, info_of(digest, version))
    end
    if not ok then
        dict:delete("table:" .. version)
        return nil, err
    end
    dict:delete("table:" .. base)
    forget(base + 1, version)
    return true
end


--- Do something that nobody else may do meanwhile. What it returns, or nil and why not.
function _M.locked(work, ...)
    -- A lock that runs out: a worker killed in between holds nobody up for long.
    local ok, err = dict:safe_add("lock", ngx.worker.pid() or 0, LOCK_SECONDS)
    if not ok then
        return nil, err == "exists" and "another write is under way" or err
    end
    local done, one, two = pcall(work, ...)
    dict:delete("lock")
    if not done then
        error(one, 0)
    end
    return one, two
end


--- Once per life of the gateway: a reload is none.
function _M.begin()
    local ok, err = dict:safe_add("life", tostring(ngx.now()))
    if not ok and err ~= "exists" then
        ngx.log(ngx.ERR, "cannot name this life of the gateway: ", err)
    end
end


--- Which life of the gateway this is. A table of an earlier one came from the disk, where a hand
-- may have changed it under its old name.
function _M.life()
    return dict:get("life") or ""
end


return _M
