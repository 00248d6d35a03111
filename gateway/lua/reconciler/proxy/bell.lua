--- Rings the operator: look, something may have changed. Nothing else is said, and that nobody is
-- there is no failure.

local ngx = ngx

local PLACE = "unix:../../run/wake.sock"
local PAUSE = 0.2 -- seconds between two rings of a worker

local _M = {}

local waits = false


local function ring()
    waits = false
    local socket = ngx.socket.udp()
    if socket:setpeername(PLACE) then
        socket:send("gateway")
    end
    socket:close()
end


--- Ring soon; several causes ring once.
function _M.ring()
    if waits then
        return
    end
    local ok, err = ngx.timer.at(PAUSE, ring)
    waits = ok or false
    if not ok then
        ngx.log(ngx.WARN, "the operator hears of it only at its next look: ", err)
    end
end


return _M
