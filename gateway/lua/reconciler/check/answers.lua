--- What a rule may say that the gateway answers by itself. Pure.

local fields = require("reconciler.check.fields")

local find = string.find
local floor = math.floor

local CODES = { [301] = true, [302] = true, [307] = true, [308] = true }
local REDIRECT = { to = "string", toPrefix = "string", code = "number" }
local STATIC = { root = "string", index = "string", spa = "boolean" }
local RESPOND = { status = "number", body = "string" }

local _M = {}


--- nil, or what is wrong with `redirect` of a rule with these conditions.
function _M.redirect(redirect, condition)
    local why = fields.misfit("redirect", redirect, REDIRECT)
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


--- nil, or what is wrong with `respond`.
function _M.respond(respond)
    local why = fields.misfit("respond", respond, RESPOND)
    if why then
        return why
    end
    local status = respond.status
    if not status or status ~= floor(status) or status < 200 or status > 599 then
        return "respond.status must be 200 to 599"
    end
end


--- nil, or what is wrong with `static`.
function _M.static(static)
    local why = fields.misfit("static", static, STATIC)
    if why then
        return why
    end
    if not static.root or not find(static.root, "^/") or find(static.root, "[%c]")
        or find(static.root .. "/", "/%.?%.?/", 2) then
        return "static.root must be the whole path of a folder"
    end
    if static.index and not find(static.index, "^[%w_-][%w._-]*$") then
        return "static.index must be the name of a file"
    end
end


return _M
