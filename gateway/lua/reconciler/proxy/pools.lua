--- Pools: where the requests of a rule go that names no address. Which endpoint is chosen.

local address = require("reconciler.proxy.address")
local flights = require("reconciler.proxy.flights")
local resting = require("reconciler.proxy.resting")

local random = math.random
local ipairs = ipairs
local flying = flights.of
local is_resting = resting.is

local _M = {}

local serving = {}
local prepared = setmetatable({}, { __mode = "k" }) -- by the list it was made from


local function prepare(list)
    local pool = { ready = {}, coming = false }
    for _, endpoint in ipairs(list) do
        if endpoint.ready == false then
            pool.coming = true
        else
            local host, port = address.split(endpoint.address)
            pool.ready[#pool.ready + 1] = { address = endpoint.address, host = host, port = port }
        end
    end
    prepared[list] = pool
    return pool
end


--- For the store: these are served from now on, lists of endpoints by the names of pools.
function _M.use(lists)
    serving = lists
end


--- {ready, coming}, or nil when nobody has said yet who is in it.
function _M.find(name)
    local list = serving[name]
    return list and (prepared[list] or prepare(list))
end


local function fitting(pool, passed_over)
    if not passed_over and resting.count() == 0 then
        return pool.ready
    end
    local found = {}
    for _, endpoint in ipairs(pool.ready) do
        local key = endpoint.address
        if not is_resting(key) and not (passed_over and passed_over[key]) then
            found[#found + 1] = endpoint
        end
    end
    return found
end


--- The one with fewer requests of two that are drawn; each is drawn as often as any other.
function _M.choose(pool, passed_over)
    local found = fitting(pool, passed_over)
    local count = #found
    if count < 2 then
        return found[1]
    end
    local first = random(count)
    local second = random(count - 1)
    if second >= first then
        second = second + 1
    end
    local one, other = found[first], found[second]
    return flying(other.address) < flying(one.address) and other or one
end


--- Whether a request may be sent now.
function _M.is_open(name)
    local pool = _M.find(name)
    if not pool then
        return false
    end
    for _, endpoint in ipairs(pool.ready) do
        if not is_resting(endpoint.address) then
            return true
        end
    end
    return false
end


--- Whether somebody may soon take requests: one that starts, or that merely refuses now.
function _M.is_hopeful(name)
    local pool = _M.find(name)
    return not pool or pool.coming or pool.ready[1] ~= nil
end


--- The ready endpoint of a pool with this address, or nil.
function _M.endpoint(name, wanted)
    local pool = _M.find(name)
    for _, endpoint in ipairs(pool and pool.ready or {}) do
        if endpoint.address == wanted then
            return endpoint
        end
    end
end


return _M
