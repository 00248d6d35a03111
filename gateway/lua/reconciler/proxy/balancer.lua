--- The address a request goes to.

local attempts = require("reconciler.proxy.attempts")
local balancer = require("ngx.balancer")

local ngx = ngx

local BUSY = -3 -- to nginx: there is nobody to connect to
local CONNECT, READ, SEND = 5, 600, 600 -- seconds, as in nginx.conf
local set_current_peer, set_timeouts = balancer.set_current_peer, balancer.set_timeouts

local _M = {}


--- For balancer_by_lua: the address that was chosen in the access phase (ngx.ctx.peer).
function _M.balance()
    local peer = ngx.ctx.peer
    local place = peer
    if peer.pool then
        place = attempts.begin(peer.pool)
        if not place then
            return ngx.exit(BUSY)
        end
    end
    local ok, err = set_current_peer(place.host, place.port)
    if not ok then
        ngx.log(ngx.ERR, "cannot use ", place.host, ": ", err)
        return ngx.exit(502)
    end
    if peer.connect or peer.send or peer.read then
        ok, err = set_timeouts(peer.connect or CONNECT, peer.send or SEND, peer.read or READ)
        if not ok then
            ngx.log(ngx.ERR, "cannot set timeouts: ", err)
        end
    end
end


return _M
