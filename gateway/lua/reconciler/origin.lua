--- Who asks, and what programs are told about it. Nothing a client says about itself is believed.

local find, sub = string.find, string.sub
local pairs = pairs
local ngx = ngx

local _M = {}


--- What a program behind the gateway is told about who was asked.
function _M.write_headers()
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
function _M.is_local()
    local var = ngx.var
    local address = var.remote_addr
    return (sub(address, 1, 4) == "127." or address == "::1")
        and not (var.http_x_forwarded_for or var.http_forwarded or var.http_via)
end


return _M
