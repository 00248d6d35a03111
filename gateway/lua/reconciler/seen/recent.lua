--- Remembers some of the last requests, so that a new table can be tried on them.
--
-- What is kept is what rules look at: no query, no body, of headers only those that some rule
-- names, and never a value that lets somebody in. Under load one of many is kept.

local json = require("reconciler.json")
local paths = require("reconciler.match.path")
local reserved = require("reconciler.request.reserved")
local store = require("reconciler.table.store")

local recent = ngx.shared.reconciler_recent
local find, gsub, lower = string.find, string.gsub, string.lower
local match, sub = string.match, string.sub
local ipairs, pairs = ipairs, pairs
local ngx = ngx
local now = ngx.now

local ROOM = 500 -- requests, of all workers
local APART = 0.01 -- seconds between two that one worker keeps
local LONGEST = 1000 -- characters
local SECRET = {
    "auth", "cookie", "credential", "csrf", "jwt", "key", "otp", "pass", "secret", "session",
    "sign", "token", "xsrf",
}

local _M = {}

local last = 0


local function is_secret(name)
    for _, word in ipairs(SECRET) do
        if find(name, word, 1, true) then
            return true
        end
    end
end


local function headers_of(looked_at)
    local seen
    for name in pairs(looked_at) do
        local value = name ~= "referer" and ngx.var["http_" .. gsub(name, "-", "_")]
        if value then
            seen = seen or {}
            seen[name] = is_secret(name) and json.null or sub(value, 1, LONGEST)
        end
    end
    return seen
end


--- Without what stands in front of the host, and behind the path.
local function clean(referer)
    local place = match(referer, "^[^?#]*")
    return sub(gsub(place, "^(%w+://)[^/]*@", "%1"), 1, LONGEST)
end


local function describe()
    local var = ngx.var
    local path = paths.normalise(match(var.request_uri or "", "^[^?]*"))
    if not path or #path > LONGEST or reserved.class(path) then
        return nil
    end
    return {
        time = now(),
        host = lower(var.host),
        path = path,
        method = var.request_method,
        referer = var.http_referer and clean(var.http_referer),
        headers = headers_of(store.current().looked_at),
        status = ngx.status,
    }
end


--- For log_by_lua.
function _M.note()
    local moment = now()
    if moment - last < APART then
        return
    end
    last = moment
    local request = describe()
    if request then
        local number = recent:incr("count", 1, 0)
        recent:set("request:" .. number % ROOM, json.encode(request))
    end
end


--- The requests that are remembered, the last one first.
function _M.list()
    local list, count = {}, recent:get("count") or 0
    for number = count, math.max(1, count - ROOM + 1), -1 do
        local text = recent:get("request:" .. number % ROOM)
        list[#list + 1] = text and json.parse(text)
    end
    return list
end


return _M
