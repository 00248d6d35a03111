--- Requests that are handed on to a program.

local address = require("reconciler.proxy.address")
local carry = require("reconciler.proxy.carry")
local origin = require("reconciler.request.origin")
local pages = require("reconciler.request.pages")
local pools = require("reconciler.proxy.pools")
local secure = require("reconciler.proxy.secure")
local target = require("reconciler.request.target")

local concat, find = table.concat, string.find
local ipairs = ipairs
local ngx = ngx
local tonumber = tonumber
local clear, with_query = origin.clear, target.with_query

-- Seconds, as in nginx.conf: who asks for these asks for nothing.
local USUAL = { connect = 5, read = 600, send = 600 }

-- Rules that send requests to the same place share what is known of it.
local peers = setmetatable({}, { __mode = "v" })

local LOOK_UP = 5 -- seconds that a request waits for the address of a name, or for one that answers

local _M = {
    --- What stands for the name of what no rule takes; no rule is called so.
    DEFAULT = "(default)",
}


--- Prepare the way of a request of a rule that asks for nothing special.
function _M.serve_plain(entry, path)
    clear()
    ngx.var.target = with_query(path)
    ngx.ctx.peer = entry.peer
end


--- A body larger than the rule takes is refused: unread where its size is announced, else as soon
-- as it is read, which nginx bounds by the limit of the whole gateway.
local function is_too_large(limit)
    local announced = tonumber(ngx.var.http_content_length)
    if announced or not ngx.var.http_transfer_encoding then
        return (announced or 0) > limit
    end
    ngx.req.read_body()
    return tonumber(ngx.var.request_body_file and target.size_of(ngx.req.get_body_file())
        or #(ngx.req.get_body_data() or "")) > limit
end


--- Prepare the way of a request of a rule that asks for more.
local function serve(entry, path)
    local proxy, var = entry.rule.proxy, ngx.var
    if proxy.maxBody and is_too_large(proxy.maxBody) then
        return pages.too_large()
    end
    clear()
    for _, header in ipairs(proxy.setHeaders or {}) do
        ngx.req.set_header(header.name, header.value)
    end
    if proxy.stripPrefix then
        path = target.joined("/", path, entry.prefix)
    end
    var.target = with_query(path)
    if entry.tls_name then
        var.upstream, var.tls_name = secure.upstream(entry), entry.tls_name
        var.shown_as = entry.shown_as
    end
    if entry.told_host then
        var.told_host = entry.told_host
    end
    if entry.peer.pool then
        var.pooled = entry.name
        if not pools.is_open(entry.peer.pool) then
            return ngx.exec("@parked")
        end
    end
    if entry.way then
        return carry.go(entry.way, entry.peer)
    end
    ngx.ctx.peer = entry.peer
end


--- The ready instances of a process, as address.parse() would say it.
local function instances(process)
    return {
        scheme = "http",
        pool = "process/" .. process.name .. "/" .. process.port,
        wait = process.wait or 0,
    }
end


local function unusual(limits, name)
    return limits[name] ~= USUAL[name] and limits[name] or nil
end


local function peer_of(found, limits)
    local connect, read, send =
        unusual(limits, "connect"), unusual(limits, "read"), unusual(limits, "send")
    local wait = found.wait or (found.pool and LOOK_UP)
    local key = concat({
        found.pool or found.host, found.port or "", wait or "",
        connect or "", read or "", send or "",
    }, " ")
    if not peers[key] then
        peers[key] = {
            host = found.host,
            port = found.port,
            pool = found.pool,
            wait = wait,
            connect = connect,
            read = read,
            send = send,
            shared = {}, -- quick.lua
        }
    end
    return peers[key]
end


--- The host a backend is told: the one the client asked for, unless it is a server elsewhere, which
-- knows only its own.
local function told_host(proxy, found)
    local wish = proxy.hostHeader or (found.scheme == "https" and found.pool and "backend")
    if wish ~= "backend" or not found.port then
        return nil
    end
    local usual = found.port == (found.scheme == "https" and 443 or 80)
    return (found.name or found.host) .. (usual and "" or ":" .. found.port)
end


local PLAIN = { on = "@buffered", off = "@streamed" }
local TLS = { auto = "@tls", on = "@tls_buffered", off = "@tls_streamed" }
local UNVERIFIED = {
    auto = "@unverified", on = "@unverified_buffered", off = "@unverified_streamed",
}


--- The location of nginx.conf that hands on in the way asked for; nil for the usual one.
local function way_of(proxy, found)
    local ways = PLAIN
    if found.scheme == "https" then
        ways = proxy.tls and proxy.tls.verify == false and UNVERIFIED or TLS
    end
    return ways[proxy.buffering or "auto"]
end


--- What serves the requests of an entry; made with the first one.
function _M.prepare(entry)
    local proxy = entry.rule.proxy
    local found = proxy.process and instances(proxy.process) or address.parse(proxy.backend)
    entry.peer = peer_of(found, proxy.timeouts or {})
    entry.way = way_of(proxy, found)
    entry.told_host = told_host(proxy, found)
    if found.scheme == "https" then
        local wish = proxy.tls and proxy.tls.serverName
        entry.tls_name = wish or found.name or (find(found.host, "^%[") and found.host:sub(2, -2))
            or found.host
        -- To whom it need not show who it is takes what another does not.
        entry.shown_as = proxy.tls and proxy.tls.verify == false and "*" or entry.tls_name
    end
    local headers = proxy.setHeaders
    if proxy.maxBody or proxy.stripPrefix or (headers and headers[1])
        or entry.way or entry.told_host or found.pool then
        return serve
    end
    return _M.serve_plain
end


--- An entry for what no rule takes.
function _M.default(url)
    local entry = { name = _M.DEFAULT, rule = { proxy = { backend = url } } }
    entry.serve = _M.prepare(entry)
    return entry
end


return _M
