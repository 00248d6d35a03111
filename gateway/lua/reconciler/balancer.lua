--- The address a request goes to.

local balancer = require("ngx.balancer")

local ngx = ngx

local CONNECT, READ, SEND = 5, 600, 600 -- seconds

local _M = {}


--- For balancer_by_lua: the address that was chosen in the access phase (ngx.ctx.peer).
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
