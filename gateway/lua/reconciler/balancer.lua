--- The address a request goes to.

local attempts = require("reconciler.attempts")
local balancer = require("ngx.balancer")

local ngx = ngx

local BUSY = -3 -- to nginx: there is nobody to connect to
local CONNECT, READ, SEND = 5, 600, 600 -- seconds

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
    local ok, err = balancer.set_current_peer(place.host, place.port)
    if not ok then
        ngx.log(ngx.ERR, "cannot use ", place.host, ": ", err)
        return ngx.exit(502)
    end
    ok, err = balancer.set_timeouts(peer.connect or CONNECT, peer.send or SEND, peer.read or READ)
    if not ok then
        ngx.log(ngx.ERR, "cannot set timeouts: ", err)
    end
end


return _M
