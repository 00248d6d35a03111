--- Paths of the operator's own. No rule can take them, whatever it says. Pure.

local sub = string.sub
local ipairs = ipairs

local HEALTH = {
    ["/health"] = true, ["/healthz"] = true, ["/livez"] = true, ["/readyz"] = true,
}
local CLOSED = { ["/api/sync-progress"] = true }
local ORIGINAL = { ["/admin/routes.json"] = true, ["/admin/password"] = true }
local API = { "/admin/api/", "/api/pm/" }
local LISTS = { "/admin/routes.json", "/admin/api/v1/routes" }
local LARGEST = 1024 * 1024 -- bytes of a request to the operator
local LARGEST_LIST = 4 * LARGEST -- of one that may bring all routes at once
local PREFIXES = { "/health/", "/admin/ui/", "/sync/api/" }

local _M = {}


local function begins(path, prefixes)
    for _, prefix in ipairs(prefixes) do
        if sub(path, 1, #prefix) == prefix then
            return true
        end
    end
end


--- "health", "metrics", "api", "closed" (ours, but nothing is there yet) or nil.
function _M.class(path)
    if HEALTH[path] then
        return "health"
    end
    if path == "/metrics" then
        return "metrics"
    end
    if ORIGINAL[path] or begins(path, API) then
        return "api"
    end
    if CLOSED[path] or begins(path, PREFIXES) then
        return "closed"
    end
end


--- How many bytes a request for `path` may have.
function _M.largest(path)
    return begins(path, LISTS) and LARGEST_LIST or LARGEST
end


return _M
