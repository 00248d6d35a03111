--- Requests that are handed on to a program.

local address = require("reconciler.address")
local origin = require("reconciler.origin")
local pools = require("reconciler.pools")
local target = require("reconciler.target")

local ipairs = ipairs
local ngx = ngx

local _M = {}


local function with_limits(peer, limits)
    peer.connect = limits and limits.connect
    peer.read = limits and limits.read
    peer.send = limits and limits.send
    return peer
end


--- Where requests go for `url`: what balancer.lua needs.
function _M.peer(url, limits)
    local host, port = address.parse(url)
    return with_limits({ host = host, port = port }, limits)
end


--- Where requests go for a process: to its ready instances.
local function pooled(process, limits)
    local pool = "process/" .. process.name .. "/" .. process.port
    return with_limits({ pool = pool, wait = process.wait or 0 }, limits)
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
    if entry.peer.pool then
        ngx.var.pooled = entry.name
        if not pools.is_open(entry.peer.pool) then
            return ngx.exec("@parked")
        end
    end
    ngx.ctx.peer = entry.peer
end


--- What serves the requests of an entry; made with the first one.
function _M.prepare(entry)
    local proxy = entry.rule.proxy
    if proxy.process then
        entry.peer = pooled(proxy.process, proxy.timeouts)
    else
        entry.peer = _M.peer(proxy.backend, proxy.timeouts)
    end
    return serve
end


return _M
