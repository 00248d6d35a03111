--- Whether a table may be served. The writer checked it already, in better words: this is the
-- last look before it goes live, whoever wrote it. Pure. One file per part in check/.

local access = require("reconciler.check.access")
local address = require("reconciler.proxy.address")
local answers = require("reconciler.check.answers")
local fields = require("reconciler.check.fields")
local json = require("reconciler.json")
local match = require("reconciler.check.match")
local pools = require("reconciler.check.pools")
local proxy = require("reconciler.check.proxy")
local quota = require("reconciler.table.quota")

local find = string.find
local floor = math.floor
local ipairs, type = ipairs, type

local ACTIONS = { "proxy", "redirect", "respond", "static" }
local KNOWN = {
    name = "string", managed_by = "string", priority = "number", order = "number",
    match = "table", proxy = "table", redirect = "table", respond = "table", access = "table",
    static = "table",
}

local _M = {}


local function misfit_fields(rule)
    local why = fields.misfit("rule", rule, KNOWN)
    if why then
        return why
    end
    local condition, actions = rule.match or {}, 0
    for _, action in ipairs(ACTIONS) do
        actions = actions + (rule[action] and 1 or 0)
    end
    if actions ~= 1 then
        return "a rule needs exactly one of proxy, redirect, respond and static"
    end
    return match.misfit(condition)
        or (rule.proxy and proxy.misfit(rule.proxy, condition))
        or (rule.redirect and answers.redirect(rule.redirect, condition))
        or (rule.respond and answers.respond(rule.respond))
        or (rule.static and answers.static(rule.static))
        or (rule.access and access.misfit(rule.access))
        or nil
end


--- nil, or what is wrong and the name of the rule it is wrong with.
function _M.rule(rule)
    local name = type(rule) == "table" and rule.name
    if type(name) ~= "string" or name == "" then
        return "every rule needs a name"
    end
    return misfit_fields(rule), name
end


--- nil, or what is wrong with the default backend; null is none.
function _M.default(url)
    if url ~= nil and url ~= json.null and not (type(url) == "string" and address.parse(url)) then
        return "default_backend must be http://HOST:PORT, https://HOST:PORT or unix:/PATH"
    end
end


--- nil, or what is wrong with what names a version.
function _M.head(document)
    if type(document) ~= "table" then
        return "the table must be an object"
    end
    local version = document.version
    if type(version) ~= "number" or version ~= floor(version) or version < 1 then
        return "version must be a whole number from 1"
    end
    if type(document.digest) ~= "string" or not find(document.digest, "^[%w]+$") then
        return "digest must be letters and digits"
    end
end


--- nil, or what is wrong with the rules of a table and the name of the rule. `pause`, if there is
-- one, is called with the number of rules that were looked at.
function _M.rules(rules, pause)
    if type(rules) ~= "table" then
        return "rules must be an array"
    end
    local names, regexes = {}, 0
    for n, rule in ipairs(rules) do
        local why, name = _M.rule(rule)
        if why then
            return why, name
        end
        if names[name] then
            return "two rules have this name", name
        end
        names[name] = true
        regexes = regexes + quota.regexes(rule)
        if regexes > quota.most_regexes then
            return quota.too_many, name
        end
        if pause then
            pause(n)
        end
    end
end


--- nil, or what is wrong and the name of the rule or pool it is wrong with.
function _M.document(document)
    local why = _M.head(document) or _M.default(document.default_backend)
    if why then
        return why
    end
    local name
    why, name = _M.rules(document.rules)
    if why then
        return why, name
    end
    return pools.misfit_any(document.pools or {})
end


return _M
