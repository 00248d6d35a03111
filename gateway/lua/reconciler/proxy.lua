--- One request: which rule, and what it asks for.

local balancer = require("ngx.balancer")
local check = require("reconciler.check")
local match = require("reconciler.match")
local pages = require("reconciler.pages")
local paths = require("reconciler.path")
local reserved = require("reconciler.reserved")
local store = require("reconciler.store")

local find, gsub, lower, sub = string.find, string.gsub, string.lower, string.sub
local ipairs, pairs = ipairs, pairs
local ngx = ngx
local tonumber = tonumber
local normalise, pick, current = paths.normalise, match.pick, store.current

local CONNECT, READ, SEND = 5, 600, 600 -- seconds
local LARGEST = 1024 * 1024 -- bytes of a request to the operator
local OPERATOR = { host = "unix:../../run/operator.sock" }

local _M = {}


local function raw_path(target)
    local mark = find(target, "?", 1, true)
    return mark and sub(target, 1, mark - 1) or target
end


local function with_query(location)
    local args = ngx.var.args
    if not args then
        return location
    end
    return location .. (find(location, "?", 1, true) and "&" or "?") .. args
end


--- What the backend is told about who was asked. Nothing a client says about itself is believed.
local function write_forwarding_headers()
    local var = ngx.var
    local host = var.host
    if host == "" or host == "_" then
        host = "localhost" -- HTTP/1.0 without a Host
    end
    local port = find(var.http_host or "", ":%d+$") and var.http_host:match(":(%d+)$")
    var.forwarded_host = port and host .. ":" .. port or host
    var.forwarded_port = port or var.server_port
    for name in pairs(ngx.req.get_headers(0)) do
        if sub(name, 1, 12) == "x-forwarded-" then
            ngx.req.clear_header(name)
        end
    end
end


--- A request that another proxy passed on is a stranger's, wherever that proxy runs.
local function is_local()
    local var = ngx.var
    local address = var.remote_addr
    return (sub(address, 1, 4) == "127." or address == "::1")
        and not (var.http_x_forwarded_for or var.http_forwarded or var.http_via)
end


local function ask_operator(class, path)
    local known = is_local()
    -- Numbers are for this machine, and for who has a token: the operator looks whether it is one.
    if class == "closed" or (class == "metrics" and not (known or ngx.var.http_authorization)) then
        return pages.nothing_here()
    end
    -- Refused before it is read: nginx would first put all of it on the disk.
    if ngx.var.http_transfer_encoding then
        return pages.say(411, "say how long this request is (Content-Length)")
    end
    if (tonumber(ngx.var.http_content_length) or 0) > LARGEST then
        return pages.say(413, "this request is larger than the operator takes")
    end
    ngx.var.reconciler_client = known and "local" or "stranger"
    write_forwarding_headers()
    ngx.var.target = with_query(path)
    ngx.ctx.peer = OPERATOR
end


--- What follows the prefix. `base` and it never meet in two slashes: at the front of a path a
-- browser would read these as a host.
local function joined(base, path, prefix)
    local rest = sub(path, #prefix + 1)
    if sub(base, -1) == "/" then
        rest = gsub(rest, "^/+", "")
    end
    return base .. rest
end


local function redirect(entry, path)
    local wish = entry.rule.redirect
    local location = wish.to or joined(wish.toPrefix, path, entry.prefix)
    ngx.header.location = with_query(location)
    return pages.say(wish.code or 302, "this has moved")
end


local function respond(entry)
    local answer = entry.rule.respond
    ngx.req.clear_header("If-Match") -- nginx would answer it in our place
    ngx.status = answer.status
    ngx.header.content_type = "text/plain; charset=utf-8"
    if answer.status ~= 204 and answer.status ~= 304 then
        ngx.print(answer.body or "")
    end
    return ngx.exit(answer.status)
end


--- Where an entry sends its requests; made with the first one.
local function peer_of(entry)
    local proxy = entry.rule.proxy
    local host, port = check.backend(proxy.backend)
    local limits = proxy.timeouts or {}
    entry.peer = {
        host = host,
        port = port,
        connect = limits.connect,
        read = limits.read,
        send = limits.send,
    }
    return entry.peer
end


local function proxy_to(entry, path)
    local proxy = entry.rule.proxy
    write_forwarding_headers()
    for _, header in ipairs(proxy.setHeaders or {}) do
        ngx.req.set_header(header.name, header.value)
    end
    if proxy.stripPrefix then
        path = joined("/", path, entry.prefix)
    end
    ngx.var.target = with_query(path)
    ngx.ctx.peer = entry.peer or peer_of(entry)
end


local function serve(entry, path)
    local rule = entry.rule
    if rule.proxy then
        return proxy_to(entry, path)
    elseif rule.redirect then
        return redirect(entry, path)
    end
    return respond(entry)
end


--- For access_by_lua: decide, and answer or prepare the way.
function _M.route()
    local var = ngx.var
    local path, why = normalise(raw_path(var.request_uri))
    if not path then
        return pages.bad_path(why)
    end
    local class = reserved.class(path)
    if class then
        return ask_operator(class, path)
    end
    local table_now = current()
    local entry = pick(table_now.index, {
        host = lower(var.host),
        path = path,
        method = var.request_method,
        referer = var.http_referer,
    })
    if entry then
        return serve(entry, path)
    end
    if not table_now.default then
        return pages.nothing_here()
    end
    write_forwarding_headers()
    var.target = with_query(path)
    ngx.ctx.peer = table_now.default
end


--- For balancer_by_lua: the address that route() chose.
function _M.balance()
    local peer = ngx.ctx.peer
    local ok, err = balancer.set_current_peer(peer.host, peer.port)
    if not ok then
        ngx.log(ngx.ERR, "cannot use ", peer.host, ": ", err)
        return ngx.exit(502)
    end
    ok, err = balancer.set_timeouts(peer.connect or CONNECT, peer.send or SEND, peer.read or READ)
    if not ok then
        ngx.log(ngx.ERR, "cannot set timeouts: ", err)
    end
end


return _M
