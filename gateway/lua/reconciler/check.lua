--- Whether a table may be served. The writer checked it already, in better words: this is the
-- last look before it goes live, whoever wrote it. Pure.

local paths = require("reconciler.path")

local find, lower, match, sub = string.find, string.lower, string.match, string.sub
local floor = math.floor
local ipairs, pairs, tonumber, type = ipairs, pairs, tonumber, type

local ACTIONS = { "proxy", "redirect", "respond" }
local CODES = { [301] = true, [302] = true, [307] = true, [308] = true }
local KNOWN = {
    rule = {
        name = "string", managed_by = "string", priority = "number", order = "number",
        match = "table", proxy = "table", redirect = "table", respond = "table",
    },
    match = {
        host = "string", pathPrefix = "string", pathEqual = "string",
        methods = "table", refererSubstr = "string",
    },
    proxy = {
        backend = "string", stripPrefix = "boolean", setHeaders = "table", timeouts = "table",
    },
    timeouts = { connect = "number", read = "number", send = "number" },
    redirect = { to = "string", toPrefix = "string", code = "number" },
    respond = { status = "number", body = "string" },
}
-- Written by the gateway itself, or about one connection and not about the request.
local RESERVED = {
    host = true, connection = true, ["content-length"] = true, ["transfer-encoding"] = true,
    te = true, trailer = true, upgrade = true, expect = true, forwarded = true,
    ["keep-alive"] = true, ["proxy-connection"] = true, ["proxy-authorization"] = true,
    ["x-real-ip"] = true, ["x-reconciler-client"] = true, ["http2-settings"] = true,
}

local _M = {}


--- Host and port of `http://127.0.0.1:8000`, or nil.
function _M.backend(url)
    local host, port = match(url, "^http://([^/:%[%]]+):(%d+)$")
    if not host then
        host, port = match(url, "^http://(%[[%x:.]+%]):(%d+)$")
    end
    port = tonumber(port)
    if not host or port < 1 or port > 65535 then
        return nil
    end
    if host == "localhost" then
        return "127.0.0.1", port
    end
    if sub(host, 1, 1) ~= "[" and not find(host, "^%d+%.%d+%.%d+%.%d+$") then
        return nil
    end
    return host, port
end


local function misfit(what, thing)
    if type(thing) ~= "table" then
        return what .. " must be an object"
    end
    for key, value in pairs(thing) do
        local wanted = KNOWN[what][key]
        if not wanted then
            return "unknown field in " .. what .. ": " .. tostring(key)
        end
        if type(value) ~= wanted then
            return what .. "." .. key .. " must be a " .. wanted
        end
    end
end


local function misfit_path(what, text)
    if not text then
        return nil
    end
    local _, why = paths.normalise(text)
    return why and what .. ": " .. why
end


local function misfit_match(condition)
    return misfit("match", condition)
        or misfit_path("match.pathPrefix", condition.pathPrefix)
        or misfit_path("match.pathEqual", condition.pathEqual)
end


local function misfit_header(header)
    local name, value = header.name, header.value
    if type(name) ~= "string" or not find(name, "^[%w!#$%%&'*+.^_`|~-]+$") then
        return "proxy.setHeaders: not a header name"
    end
    if type(value) ~= "string" or find(value, "[%z\1-\8\10-\31\127]") then
        return "proxy.setHeaders: " .. name .. ": a value is one line of text"
    end
    local key = lower(name)
    if RESERVED[key] or (find(key, "^x%-forwarded%-") and key ~= "x-forwarded-prefix") then
        return "proxy.setHeaders: " .. name .. " is written by the gateway"
    end
end


local function misfit_proxy(proxy, condition)
    local why = misfit("proxy", proxy) or misfit("timeouts", proxy.timeouts or {})
    if why then
        return why
    end
    if not proxy.backend or not _M.backend(proxy.backend) then
        return "proxy.backend must be http://IP:PORT"
    end
    if proxy.stripPrefix and not condition.pathPrefix then
        return "proxy.stripPrefix needs match.pathPrefix"
    end
    for _, header in ipairs(proxy.setHeaders or {}) do
        why = misfit_header(header)
        if why then
            return why
        end
    end
end


local function misfit_redirect(redirect, condition)
    local why = misfit("redirect", redirect)
    if why then
        return why
    end
    local target = redirect.to or redirect.toPrefix
    if not target or (redirect.to and redirect.toPrefix) then
        return "redirect needs either to or toPrefix"
    end
    if find(target, "[%c \\#]") or not (find(target, "^/") or find(target, "^https?://[^/]+/")) then
        return "redirect: not a path or a URL with a path"
    end
    if redirect.toPrefix and not condition.pathPrefix then
        return "redirect.toPrefix needs match.pathPrefix"
    end
    if redirect.code and not CODES[redirect.code] then
        return "redirect.code must be 301, 302, 307 or 308"
    end
end


local function misfit_respond(respond)
    local why = misfit("respond", respond)
    if why then
        return why
    end
    local status = respond.status
    if not status or status ~= floor(status) or status < 200 or status > 599 then
        return "respond.status must be 200 to 599"
    end
end


local function misfit_rule(rule)
    local why = misfit("rule", rule)
    if why then
        return why
    end
    local condition, actions = rule.match or {}, 0
    for _, action in ipairs(ACTIONS) do
        actions = actions + (rule[action] and 1 or 0)
    end
    if actions ~= 1 then
        return "a rule needs exactly one of proxy, redirect and respond"
    end
    return misfit_match(condition)
        or (rule.proxy and misfit_proxy(rule.proxy, condition))
        or (rule.redirect and misfit_redirect(rule.redirect, condition))
        or (rule.respond and misfit_respond(rule.respond))
        or nil
end


local function misfit_head(document)
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
    if type(document.rules) ~= "table" then
        return "rules must be an array"
    end
    local default = document.default_backend
    if default and not (type(default) == "string" and _M.backend(default)) then
        return "default_backend must be http://IP:PORT"
    end
end


--- nil, or what is wrong and the name of the rule it is wrong with.
function _M.document(document)
    local why = misfit_head(document)
    if why then
        return why
    end
    local names = {}
    for _, rule in ipairs(document.rules) do
        local name = type(rule) == "table" and rule.name
        if type(name) ~= "string" or name == "" then
            return "every rule needs a name"
        end
        why = misfit_rule(rule)
        if why then
            return why, name
        end
        if names[name] then
            return "two rules have this name", name
        end
        names[name] = true
    end
end


return _M
