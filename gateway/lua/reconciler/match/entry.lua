--- A rule as it is looked for: its paths in their one form, its conditions in one list. Pure.
--
-- Who wins never depends on the request: by priority, then the longer pathPrefix, then the longer
-- refererSubstr, then order, then name.

local paths = require("reconciler.match.path")

local lower = string.lower
local ipairs = ipairs

local _M = {}


local function set_of(list)
    if not list then
        return nil
    end
    local set = {}
    for _, item in ipairs(list) do
        set[item] = true
    end
    return set
end


--- What headers must say, the Referer too; nil when a rule asks for none.
local function conditions_of(match)
    local conditions = {}
    if match.refererSubstr or match.refererRegex then
        conditions[1] = {
            name = "referer",
            contains = match.refererSubstr,
            regex = match.refererRegex,
        }
    end
    for _, header in ipairs(match.headers or {}) do
        conditions[#conditions + 1] = {
            name = lower(header.name),
            equals = header.equals,
            contains = header.contains,
            regex = header.regex,
        }
    end
    return conditions[1] and conditions or nil
end


--- The entry of a rule. `prefix` and `equal` are normalised; `conditions` is nil when host, path
-- and method alone decide.
function _M.prepare(rule)
    local match = rule.match or {}
    return {
        name = rule.name,
        rule = rule,
        priority = rule.priority or 0,
        order = rule.order or 0,
        host = match.host,
        prefix = match.pathPrefix and paths.normalise(match.pathPrefix) or nil,
        equal = match.pathEqual and paths.normalise(match.pathEqual) or nil,
        methods = set_of(match.methods),
        referer_length = #(match.refererSubstr or ""),
        conditions = conditions_of(match),
    }
end


--- Whether `a` serves what both could.
function _M.wins_over(a, b)
    if a.priority ~= b.priority then
        return a.priority > b.priority
    end
    local a_prefix, b_prefix = #(a.prefix or ""), #(b.prefix or "")
    if a_prefix ~= b_prefix then
        return a_prefix > b_prefix
    end
    if a.referer_length ~= b.referer_length then
        return a.referer_length > b.referer_length
    end
    if a.order ~= b.order then
        return a.order < b.order
    end
    return a.name < b.name
end


return _M
