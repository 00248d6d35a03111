--- Counts the requests of each route, while they are served and when they have ended.
--
-- Each process counts in a region of its own of the shared numbers (memory.lua), so nobody waits
-- and nothing is copied; who reads adds up.

local ffi = require("ffi")
local memory = require("reconciler.memory")

local dict = ngx.shared.reconciler
local numbers = memory.numbers
local floor = math.floor
local now, start_time = ngx.now, ngx.req.start_time
local ngx = ngx
local tonumber, tostring = tonumber, tostring

local SLOTS = 1000 -- routes with numbers of their own; what comes after these is counted together
local WIDTH = 24 -- numbers of a slot
local REGIONS = 16 -- processes; while a reload is under way there are twice as many as workers
local ESRCH = 3
local BOUNDS = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60 } -- seconds
-- The numbers of a slot, by their place. 1 to 5 are the classes of status.
local IN_FLIGHT, ERRORS, SECONDS, FIRST_BOUND = 0, 6, 7, 8
local FIRST = 8 -- what is before has another use (memory.lua)

ffi.cdef([[
int kill(int pid, int signal);
]])

local _M = { BOUNDS = BOUNDS }

local region = 0 -- where the numbers of this process begin
local known = {} -- the slots this process has used, by their number as text


local function lives(pid)
    return pid and (ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH)
end


local function cell(of_region, slot, place)
    return FIRST + (of_region * SLOTS + slot) * WIDTH + place
end


--- Once per master, while there is room: counters that are made in a full memory push out what
-- others have there.
function _M.prepare()
    for key, first in pairs({ slots = 0, ["tally:births"] = -1 }) do
        local ok, err = dict:safe_add(key, first)
        if not ok and err ~= "exists" then
            ngx.log(ngx.ERR, "cannot keep ", key, ": ", err)
        end
    end
end


--- Once per worker: take a region that nobody counts in, as its last owner left it.
function _M.begin()
    local taken = 0
    for _ = 1, REGIONS do
        taken = (dict:incr("tally:births", 1, -1) or 0) % REGIONS
        if not lives(dict:get("tally:owner:" .. taken)) then
            break
        end
    end
    dict:safe_set("tally:owner:" .. taken, ngx.worker.pid())
    for slot = 0, SLOTS - 1 do
        numbers[cell(taken, slot, IN_FLIGHT)] = 0 -- what it served died with it
    end
    region = cell(taken, 0, 0)
end


local function number_of(name)
    local number = dict:get("slot:" .. name)
    if number then
        return number
    end
    number = dict:lpop("slots:free") or dict:incr("slots", 1, 0)
    if not number or number >= SLOTS then
        return 0
    end
    dict:safe_set("slot:name:" .. number, name)
    local ok = dict:safe_add("slot:" .. name, number)
    if not ok then -- another worker was quicker, or there is no room
        dict:delete("slot:name:" .. number)
        dict:lpush("slots:free", number)
        return dict:get("slot:" .. name) or 0
    end
    return number
end


--- The slot of an entry of the index, or of whatever else has a name. Slot 0 is for all that have
-- none of their own.
local function slot_of(owner)
    if not owner.slot then
        local text = tostring(number_of(owner.name))
        known[text] = region + tonumber(text) * WIDTH
        owner.slot = text
    end
    return owner.slot
end


--- Where this process counts for a slot.
function _M.place_of(slot)
    return known[slot]
end


--- A request is served, which is counted there.
local function begin_at(place)
    numbers[place] = numbers[place] + 1
end


--- A request is served for `owner`; its slot.
function _M.enter(owner)
    local slot = slot_of(owner)
    begin_at(known[slot])
    return slot
end


--- The program behind this request has failed it.
function _M.failed()
    local at = known[ngx.var.slot]
    if at then
        numbers[at + ERRORS] = numbers[at + ERRORS] + 1
    end
end


local function count_time(at, seconds)
    local bound = 1
    while bound <= #BOUNDS and seconds > BOUNDS[bound] do
        bound = bound + 1
    end
    local place = at + FIRST_BOUND + bound - 1
    numbers[place] = numbers[place] + 1
    numbers[at + SECONDS] = numbers[at + SECONDS] + seconds
end


local REFUSED = { name = "(refused)" }


--- For log_by_lua: the request has ended.
function _M.done(at)
    at = at or known[ngx.var.slot]
    if at then
        numbers[at + IN_FLIGHT] = numbers[at + IN_FLIGHT] - 1
    else -- before anybody could decide where it goes
        at = known[slot_of(REFUSED)]
    end
    local status = ngx.status
    local class = floor(status / 100)
    local place = at + (class >= 1 and class <= 5 and class or 5)
    numbers[place] = numbers[place] + 1
    if status ~= 101 then -- a WebSocket lasts as long as somebody looks
        count_time(at, now() - start_time())
    end
end


local function sum(slot, place)
    local total = 0
    for each = 0, REGIONS - 1 do
        total = total + numbers[cell(each, slot, place)]
    end
    return total
end


local function in_flight(slot)
    local total = 0
    for each = 0, REGIONS - 1 do
        local there = numbers[cell(each, slot, IN_FLIGHT)]
        if there ~= 0 and lives(dict:get("tally:owner:" .. each)) then
            total = total + there
        end
    end
    return total
end


--- What was counted in a slot; nil when nobody has it.
function _M.read(slot)
    local name = slot == 0 and "(other)" or dict:get("slot:name:" .. slot)
    if not name then
        return nil
    end
    local classes, bounds = {}, {}
    for class = 1, 5 do
        classes[class] = sum(slot, class)
    end
    for bound = 1, #BOUNDS + 1 do
        bounds[bound] = sum(slot, FIRST_BOUND + bound - 1)
    end
    return {
        name = name,
        in_flight = in_flight(slot),
        classes = classes,
        errors = sum(slot, ERRORS),
        seconds = sum(slot, SECONDS),
        bounds = bounds,
    }
end


--- The highest slot that was ever used.
function _M.last()
    return math.min(dict:get("slots") or 0, SLOTS - 1)
end


--- Give a slot free for another route, unless a request of its route is still under way.
function _M.release(slot, name)
    if in_flight(slot) > 0 then
        return
    end
    dict:delete("slot:" .. name)
    for each = 0, REGIONS - 1 do
        ffi.fill(numbers + cell(each, slot, 0), WIDTH * 8)
    end
    dict:delete("slot:name:" .. slot)
    dict:lpush("slots:free", slot)
end


_M.slot_of, _M.begin_at = slot_of, begin_at


return _M
