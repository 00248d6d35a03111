--- Requests that the gateway answers by itself, as a rule says.

local pages = require("reconciler.request.pages")
local target = require("reconciler.request.target")

local ngx = ngx

local _M = {}


--- Send the browser elsewhere; the query is kept.
function _M.redirect(entry, path)
    local wish = entry.rule.redirect
    local location = wish.to or target.joined(wish.toPrefix, path, entry.prefix)
    ngx.header.location = target.with_query(location)
    return pages.say(wish.code or 302, "this has moved")
end


--- Say the text of the rule.
function _M.respond(entry)
    local answer = entry.rule.respond
    ngx.req.clear_header("If-Match") -- nginx would answer it in our place
    ngx.status = answer.status
    ngx.header.content_type = "text/plain; charset=utf-8"
    if answer.status ~= 204 and answer.status ~= 304 then
        ngx.print(answer.body or "")
    end
    return ngx.exit(answer.status)
end


return _M
