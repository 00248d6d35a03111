--- What a request takes along to another location of nginx.conf, which forgets all but variables.

local ngx = ngx
local tonumber = tonumber

local _M = {}

local carried, turn = {}, 0


--- Go on at `way`, with this peer.
function _M.go(way, peer)
    turn = turn + 1
    carried[turn] = peer
    ngx.var.carried = turn
    return ngx.exec(way)
end


--- The peer that was brought along, once; nil when there is none.
function _M.take()
    local number = tonumber(ngx.var.carried)
    local peer = number and carried[number]
    if peer then
        carried[number] = nil
    end
    return peer
end


return _M
