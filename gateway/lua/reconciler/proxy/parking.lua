--- Requests that wait until somebody can take them: while a program is being replaced or restarted.
--
-- How many and for how long is bounded; whoever goes away frees their place.

local attempts = require("reconciler.proxy.attempts")
local carry = require("reconciler.proxy.carry")
local flights = require("reconciler.proxy.flights")
local forward = require("reconciler.proxy.forward")
local pages = require("reconciler.request.pages")
local pools = require("reconciler.proxy.pools")
local resting = require("reconciler.proxy.resting")
local semaphore = require("ngx.semaphore")
local store = require("reconciler.table.store")
local written = require("reconciler.proxy.written")

local find, max, min = string.find, math.max, math.min
local ngx = ngx
local pairs, tonumber = pairs, tonumber

local MOST, MOST_OF_POOL = 1024, 512 -- of each worker
local LOOK_EVERY = 0.05 -- seconds; what another worker was told is noticed so soon
local ROUNDS = 3 -- nginx follows ten ways from one location to another, and a round takes two
local IDEMPOTENT = {
    GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true, TRACE = true,
}

local _M = {}

local places = {}
local total = 0


local function place_of(name)
    if not places[name] then
        places[name] = { count = 0, bell = semaphore.new() }
    end
    return places[name]
end


function resting.woken()
    for _, place in pairs(places) do
        place.bell:post(place.count)
    end
end


local function count(name, by)
    local place = place_of(name)
    place.count, total = place.count + by, total + by
    if place.count == 0 then
        places[name] = nil
    end
    flights.parked(total)
end


--- true when somebody can take the request, false when nobody will.
local function wait(name, deadline)
    local bell = place_of(name).bell
    while true do
        store.current()
        if pools.is_open(name) then
            return true
        end
        local left = deadline - ngx.now()
        if left <= 0 or not pools.is_hopeful(name) then
            return false
        end
        bell:wait(max(min(left, LOOK_EVERY), 0.001))
    end
end


local function park(name, deadline)
    if total >= MOST or place_of(name).count >= MOST_OF_POOL then
        return false
    end
    count(name, 1)
    local ok, err = ngx.on_abort(function()
        count(name, -1)
        ngx.exit(499)
    end)
    if not ok then
        ngx.log(ngx.ERR, "cannot hear when a client goes away: ", err)
    end
    local open = wait(name, deadline)
    count(name, -1)
    return open
end


--- The entry of the table that the request was for, if it still sends requests to a pool.
local function pooled_entry()
    local name, table_now = ngx.var.pooled, store.current()
    local entry = name == forward.DEFAULT and table_now.default or table_now.index.entries[name]
    if not (entry and entry.rule.proxy) then
        return nil
    end
    if not entry.peer then -- it was edited meanwhile
        forward.prepare(entry)
    end
    return entry.peer.pool and entry
end


local function serve(entry)
    local var = ngx.var
    local since = tonumber(var.parked_since) or ngx.now()
    var.parked_since = since
    if park(entry.peer.pool, since + (entry.peer.wait or 0)) then
        return ngx.exec(entry.way or "@again")
    end
    return pages.away("the program behind this address is away at the moment")
end


--- For content_by_lua: nobody can take the request now.
function _M.begin()
    local entry = pooled_entry()
    if entry and entry.peer.wait then
        return serve(entry)
    end
    return pages.away("the program behind this address is away at the moment")
end


--- Whether the request may be sent again: it was sent to nobody; or once more, if it does no
-- harm twice and nobody has worked at it all the time there was.
local function is_harmless(untouched, round)
    if untouched then
        return round <= ROUNDS
    end
    return round == 1 and IDEMPOTENT[ngx.req.get_method()]
        and not find(ngx.var.upstream_status or "", "504$")
end


--- For content_by_lua: the last attempt has failed. Wait for somebody who can take it, if it may be
-- sent again.
function _M.after_failure()
    local var, entry = ngx.var, pooled_entry()
    -- An attempt that was counted has ended, whatever has become of the rule since.
    local was_counted = (var.pooled or "") ~= ""
    local untouched = was_counted and attempts.failed(entry and entry.peer.pool)
    if not was_counted then
        written.failed()
    end
    if not entry then
        return pages.unreachable()
    end
    local round = (tonumber(var.rounds) or 0) + 1
    var.rounds = round
    if entry.peer.wait and is_harmless(untouched, round) then
        return serve(entry)
    end
    return pages.unreachable()
end


--- For access_by_lua of the locations where a request goes on.
function _M.resume()
    local peer = carry.take()
    if peer then
        ngx.ctx.peer = peer
        return
    end
    local entry = pooled_entry()
    if not entry then
        return pages.away("this address has just changed")
    end
    ngx.ctx.peer = entry.peer
end


return _M
