--- Paths of the operator's own. No rule can take them, whatever it says. Pure.

local sub = string.sub
local ipairs = ipairs

local HEALTH = {
    ["/health"] = true, ["/healthz"] = true, ["/livez"] = true, ["/readyz"] = true,
}
local EXACT = {
    ["/admin/routes.json"] = true, ["/admin/password"] = true, ["/api/sync-progress"] = true,
}
local API = { "/admin/api/", "/api/pm/" }
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
    if begins(path, API) then
        return "api"
    end
    if EXACT[path] or begins(path, PREFIXES) then
        return "closed"
    end
end


return _M
