--- Paths of the operator's own. No rule can take them, whatever it says. Pure.

local sub = string.sub
local ipairs = ipairs

local HEALTH = {
    ["/health"] = true, ["/healthz"] = true, ["/livez"] = true, ["/readyz"] = true,
}
local EXACT = {
    ["/admin/routes.json"] = true, ["/admin/password"] = true, ["/api/sync-progress"] = true,
}
local PREFIXES = { "/health/", "/admin/ui/", "/admin/api/", "/api/pm/", "/sync/api/" }

local _M = {}


--- "health", "metrics", "closed" (ours, but nothing is there yet) or nil.
function _M.class(path)
    if HEALTH[path] then
        return "health"
    end
    if path == "/metrics" then
        return "metrics"
    end
    if EXACT[path] then
        return "closed"
    end
    for _, prefix in ipairs(PREFIXES) do
        if sub(path, 1, #prefix) == prefix then
            return "closed"
        end
    end
end


return _M
