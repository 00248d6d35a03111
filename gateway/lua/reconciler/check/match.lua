--- What a rule's conditions may say. Pure.

local fields = require("reconciler.check.fields")
local paths = require("reconciler.match.path")
local regex = require("reconciler.regex.parts")

local find = string.find
local ipairs, type = ipairs, type

local KNOWN = {
    host = "string", pathPrefix = "string", pathEqual = "string", methods = "table",
    refererSubstr = "string", refererRegex = "string", headers = "table",
}
local HEADER = { name = "string", equals = "string", contains = "string", regex = "string" }
local MOST_KEPT = 10000

local _M = {}

-- What was found of a regex: the same table is looked at again and again.
local found, kept = {}, 0


local function misfit_path(what, text)
    if not text then
        return nil
    end
    local _, why = paths.normalise(text)
    return why and what .. ": " .. why
end


local function misfit_regex(what, text)
    if not text then
        return nil
    end
    if found[text] == nil then
        if kept >= MOST_KEPT then
            found, kept = {}, 0
        end
        found[text] = regex.misfit(text) or false
        kept = kept + 1
    end
    return found[text] and what .. ": " .. found[text]
end


local function misfit_header(header)
    local why = fields.misfit("match.headers", header, HEADER)
    if why then
        return why
    end
    if not header.name or not find(header.name, "^[%w-]+$") then
        return "match.headers: not the name of a header"
    end
    if not (header.equals or header.contains or header.regex) then
        return "match.headers: " .. header.name .. " needs equals, contains or regex"
    end
    return misfit_regex("match.headers: " .. header.name .. ".regex", header.regex)
end


local function misfit_headers(headers)
    for _, header in ipairs(headers or {}) do
        local why = misfit_header(header)
        if why then
            return why
        end
    end
end


local function misfit_methods(methods)
    for _, method in ipairs(methods or {}) do
        if type(method) ~= "string" then
            return "match.methods must be words"
        end
    end
end


--- nil, or what is wrong with these conditions.
function _M.misfit(condition)
    return fields.misfit("match", condition, KNOWN)
        or misfit_path("match.pathPrefix", condition.pathPrefix)
        or misfit_path("match.pathEqual", condition.pathEqual)
        or misfit_methods(condition.methods)
        or misfit_regex("match.refererRegex", condition.refererRegex)
        or misfit_headers(condition.headers)
        or nil
end


return _M
