--- Requests for the operator itself: its health, its numbers, its API.

local origin = require("reconciler.request.origin")
local pages = require("reconciler.request.pages")
local reserved = require("reconciler.request.reserved")
local target = require("reconciler.request.target")

local ngx = ngx
local tonumber = tonumber

local PEER = { host = "unix:../../run/operator.sock" }

local _M = {}


--- Answer, or prepare the way to the operator: `class` and `path` are what reserved.class() says.
function _M.serve(class, path)
    local known = origin.is_local()
    -- Numbers are for this machine, and for who has a token: the operator looks whether it is one.
    if class == "closed" or (class == "metrics" and not (known or ngx.var.http_authorization)) then
        return pages.nothing_here()
    end
    -- Refused before it is read: nginx would first put all of it on the disk.
    if ngx.var.http_transfer_encoding then
        return pages.say(411, "say how long this request is (Content-Length)")
    end
    if (tonumber(ngx.var.http_content_length) or 0) > reserved.largest(path) then
        return pages.say(413, "this request is larger than the operator takes")
    end
    ngx.var.reconciler_client = known and "local" or "stranger"
    origin.clear()
    ngx.var.target = target.with_query(path)
    ngx.ctx.peer = PEER
end


return _M
