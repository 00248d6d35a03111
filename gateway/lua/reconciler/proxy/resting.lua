--- Endpoints that refused a connection: nothing is sent there until one is accepted again.
--
-- Whether it is, is tried beside the requests: no request pays for it.

local bell = require("reconciler.proxy.bell")
local flights = require("reconciler.proxy.flights")

local ngx = ngx
local min = math.min

local SOONEST, LATEST = 0.05, 1 -- seconds between two attempts
local PATIENCE = 1000 -- milliseconds for an attempt

local _M = {
    --- What to do when one accepts connections again; set by parking.lua.
    woken = function() end,
}

local asleep, asleep_count = {}, 0


--- Whether nothing should be sent to this address now.
function _M.is(address)
    return asleep[address]
end


--- How many addresses that is so for.
function _M.count()
    return asleep_count
end


local function accepts(endpoint)
    local socket = ngx.socket.tcp()
    socket:settimeout(PATIENCE)
    local ok
    if endpoint.port then
        ok = socket:connect(endpoint.host, endpoint.port)
    else
        ok = socket:connect(endpoint.host)
    end
    if ok then
        socket:close()
    end
    return ok
end


local function wake(address)
    asleep[address], asleep_count = nil, asleep_count - 1
    flights.accepted(address)
    bell.ring()
    _M.woken()
end


local look -- one attempt after another


local function look_again(endpoint, is_wanted, pause)
    local ok, err = ngx.timer.at(pause, look, endpoint, is_wanted, pause)
    if not ok then
        ngx.log(ngx.ERR, "cannot look after ", endpoint.address, ": ", err)
        wake(endpoint.address)
    end
end


look = function(premature, endpoint, is_wanted, pause)
    if premature or not is_wanted() or accepts(endpoint) then
        return wake(endpoint.address)
    end
    flights.refused(endpoint.address)
    return look_again(endpoint, is_wanted, min(pause * 1.5, LATEST))
end


--- Send nothing there until it accepts connections, or nobody wants it any more.
function _M.begin(endpoint, is_wanted)
    if asleep[endpoint.address] then
        return
    end
    asleep[endpoint.address], asleep_count = true, asleep_count + 1
    bell.ring()
    flights.refused(endpoint.address)
    look_again(endpoint, is_wanted, SOONEST)
end


return _M
