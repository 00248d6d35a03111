--- What a rule's conditions may say. Pure.

local fields = require("reconciler.check.fields")
local paths = require("reconciler.path")

local KNOWN = {
    host = "string", pathPrefix = "string", pathEqual = "string",
    methods = "table", refererSubstr = "string",
}

local _M = {}


local function misfit_path(what, text)
    if not text then
        return nil
    end
    local _, why = paths.normalise(text)
    return why and what .. ": " .. why
end


--- nil, or what is wrong with these conditions.
function _M.misfit(condition)
    return fields.misfit("match", condition, KNOWN)
        or misfit_path("match.pathPrefix", condition.pathPrefix)
        or misfit_path("match.pathEqual", condition.pathEqual)
end


return _M
