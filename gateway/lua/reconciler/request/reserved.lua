--- Paths of the operator's own. No rule can take them, whatever it says. Pure.

local byte, sub = string.byte, string.sub
local insert = table.insert
local ipairs, pairs = ipairs, pairs

--- What each is for: "closed" is ours, but nothing is there yet. A `/` at the end: all below it.
local OWN = {
    ["/health"] = "health", ["/healthz"] = "health", ["/livez"] = "health",
    ["/readyz"] = "health", ["/metrics"] = "metrics",
    ["/admin/api/"] = "api", ["/api/pm/"] = "api",
    ["/admin/routes.json"] = "api", ["/admin/password"] = "api",
    ["/api/sync-progress"] = "api", ["/sync/api/"] = "api",
    ["/health/"] = "health", ["/admin/ui/"] = "closed",
}
local LISTS = { "/admin/routes.json", "/admin/api/v1/routes" }
local LARGEST = 1024 * 1024 -- bytes of a request to the operator
local LARGEST_LIST = 4 * LARGEST -- of one that may bring all routes at once

local exact, below -- by the whole path; by the byte after its first slash

local _M = {}


--- Have them where a Gateway wants them: `wishes` names a new place or false for some.
function _M.arrange(wishes)
    exact, below = {}, {}
    for own, class in pairs(OWN) do
        local place = wishes[own]
        if place == nil then
            place = own
        end
        if place and sub(place, -1) == "/" then
            local key = byte(place, 2)
            below[key] = below[key] or {}
            insert(below[key], { prefix = place, size = #place, class = class, own = own })
        elseif place then
            exact[place] = { class = class, own = own }
        end
    end
end


--- What a path of ours is for and where the operator has it, or nil.
function _M.class(path)
    local found = exact[path]
    if found then
        return found.class, found.own
    end
    for _, one in ipairs(below[byte(path, 2)] or exact) do
        if sub(path, 1, one.size) == one.prefix then
            return one.class, one.own .. sub(path, one.size + 1)
        end
    end
end


--- How many bytes a request may have that the operator has at `path`.
function _M.largest(path)
    for _, prefix in ipairs(LISTS) do
        if sub(path, 1, #prefix) == prefix then
            return LARGEST_LIST
        end
    end
    return LARGEST
end


_M.arrange({})

return _M
