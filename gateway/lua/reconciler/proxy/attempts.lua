--- The attempts of one request of a pool: where each goes, and what follows when one fails.

local balancer = require("ngx.balancer")
local flights = require("reconciler.proxy.flights")
local pools = require("reconciler.proxy.pools")
local resting = require("reconciler.proxy.resting")
local tally = require("reconciler.seen.tally")

local match = string.match
local min = math.min
local ngx = ngx

local MOST = 3 -- so that a request that brings programs down does not bring down all of them

local _M = {}


local function rest(pool, endpoint)
    resting.begin(endpoint, function()
        return pools.endpoint(pool, endpoint.address) ~= nil
    end)
end


--- Whether the attempt before this one did not even connect: nginx lists the times that took, "-"
-- for those that did not, and of this one it says nothing yet.
local function was_refused()
    return match(ngx.var.upstream_connect_time or "", "(%S+) : $") == "-"
end


local function after_failure(ctx, name)
    local endpoint = ctx.endpoint
    flights.land(endpoint.address)
    ctx.endpoint = nil
    ctx.passed_over = ctx.passed_over or {}
    ctx.passed_over[endpoint.address] = true
    if was_refused() then
        tally.failed()
        rest(name, endpoint)
    end
    return endpoint
end


--- For the balancer: the endpoint of this attempt, or nil when there is none.
function _M.begin(name)
    local ctx = ngx.ctx
    local pool = pools.find(name)
    local before = ctx.endpoint and after_failure(ctx, name)
    local endpoint = pool and pools.choose(pool, ctx.passed_over)
    -- A connection that was kept and is closed by now says nothing about who closed it.
    if not endpoint and before and not resting.is(before.address) then
        endpoint = before
    end
    if not endpoint then
        return nil
    end
    if not before then
        balancer.set_more_tries(min(#pool.ready, MOST) - 1)
    end
    flights.begin(endpoint.address)
    ctx.endpoint = endpoint
    return endpoint
end


--- For log_by_lua: the request is over.
function _M.over(endpoint)
    flights.land(endpoint.address)
end


--- In the location for failures, to which nothing comes along but variables: the last attempt
-- failed. true when nothing of the request has been sent to anybody. `name`: the pool, nil when
-- the rule has gone meanwhile.
function _M.failed(name)
    local var = ngx.var
    local address = match(var.upstream_addr or "", "(%S+)$")
    if not address then
        return true -- there was nobody to try
    end
    flights.land(address)
    local refused = match(var.upstream_connect_time or "", "(%S+)$") == "-"
    local endpoint = refused and name and pools.endpoint(name, address)
    if endpoint then
        rest(name, endpoint)
    end
    return refused
end


return _M
