--- Rules of the same host and path: what is left to ask of a request is its method and its
-- headers. Pure.
--
--   plain  entries without conditions on headers, the winner first
--   keyed  {name, values}: for some headers, value -> entries that ask for just this value
--   picky  all other entries with conditions

local entries = require("reconciler.match.entry")

local floor = math.floor
local insert, remove = table.insert, table.remove
local ipairs, next = ipairs, next
local wins_over = entries.wins_over

local _M = {}


function _M.new()
    return { plain = {}, picky = {}, keyed = {}, is_picky = false }
end


local function key_for(drawer, name)
    for n, key in ipairs(drawer.keyed) do
        if key.name == name then
            return key, n
        end
    end
    local key = { name = name, values = {} }
    insert(drawer.keyed, key)
    return key, #drawer.keyed
end


--- The one condition an entry can be found by.
local function keyed_by(entry)
    for _, condition in ipairs(entry.conditions) do
        if condition.equals then
            return condition
        end
    end
end


local function list_for(drawer, entry)
    if not entry.conditions then
        return drawer.plain
    end
    drawer.is_picky = true
    local condition = keyed_by(entry)
    if condition then
        local values = key_for(drawer, condition.name).values
        values[condition.equals] = values[condition.equals] or {}
        return values[condition.equals]
    end
    return drawer.picky
end


--- Where in a list that is sorted by who wins an entry is, or would be.
local function position(list, entry)
    local low, high = 1, #list + 1
    while low < high do
        local middle = floor((low + high) / 2)
        if wins_over(list[middle], entry) then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end


function _M.insert(drawer, entry)
    local list = list_for(drawer, entry)
    insert(list, position(list, entry), entry)
end


--- Take an entry out; says whether the drawer is empty then.
function _M.remove(drawer, entry)
    local list = list_for(drawer, entry)
    remove(list, position(list, entry))
    local condition = entry.conditions and keyed_by(entry)
    if condition then
        local key, n = key_for(drawer, condition.name)
        if not key.values[condition.equals][1] then
            key.values[condition.equals] = nil
        end
        if not next(key.values) then
            remove(drawer.keyed, n)
        end
    end
    drawer.is_picky = drawer.picky[1] ~= nil or drawer.keyed[1] ~= nil
    return not (drawer.plain[1] or drawer.is_picky)
end


return _M
