--- Requests that are handed on to a program.

local address = require("reconciler.address")
local origin = require("reconciler.origin")
local target = require("reconciler.target")

local ipairs = ipairs
local ngx = ngx

local _M = {}


--- Where requests go for `url`: what balancer.lua needs.
function _M.peer(url, limits)
    local host, port = address.parse(url)
    return {
        host = host,
        port = port,
        connect = limits and limits.connect,
        read = limits and limits.read,
        send = limits and limits.send,
    }
end


--- Prepare the way of a request that no rule takes.
function _M.default(peer, path)
    origin.write_headers()
    ngx.var.target = target.with_query(path)
    ngx.ctx.peer = peer
end


--- Prepare the way of a request of this rule.
local function serve(entry, path)
    local proxy = entry.rule.proxy
    origin.write_headers()
    for _, header in ipairs(proxy.setHeaders or {}) do
        ngx.req.set_header(header.name, header.value)
    end
    if proxy.stripPrefix then
        path = target.joined("/", path, entry.prefix)
    end
    ngx.var.target = target.with_query(path)
    ngx.ctx.peer = entry.peer
end


--- What serves the requests of an entry; made with the first one.
function _M.prepare(entry)
    local proxy = entry.rule.proxy
    entry.peer = _M.peer(proxy.backend, proxy.timeouts)
    return serve
end


return _M
