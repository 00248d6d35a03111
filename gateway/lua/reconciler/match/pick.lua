--- Facts of a request -> the rule that serves it. Pure: knows nothing of nginx.
--
-- `pick(index, facts)` returns the entry (entry.lua) or nil, and whether host, path and method
-- alone decided. Where that is true the same three always give the same entry of this index, so a
-- caller may remember it; where it is false a header was asked that could change the answer.
--
-- facts  host (lower case, without a port; nil for none), path (normalised), method, and
--        header(facts, name) -> the value of a header or nil, asked only where it matters;
--        `name` is lower case, several headers of one name are one value, joined by ", "
--
-- `compile(rules)` makes an index; `put(index, rule)` and `drop(index, name)` change it in place.

local index = require("reconciler.match.index")
local entries = require("reconciler.match.entry")
local search = require("reconciler.match.search")

local find, sub = string.find, string.sub
local ipairs = ipairs
local wins_over, found = entries.wins_over, search.found

local _M = { compile = index.compile, put = index.put, drop = index.drop }

-- The drawers with conditions that a request has met. One list for all: nothing waits in between.
local asking = {}


local function best_of(list, facts, best)
    for n = 1, #list do
        local entry = list[n]
        if best and wins_over(best, entry) then
            return best
        end
        if not entry.methods or entry.methods[facts.method] then
            return entry
        end
    end
    return best
end


local function look_in(drawer, facts, best, count)
    if drawer.is_picky then
        count = count + 1
        asking[count] = drawer
    end
    return best_of(drawer.plain, facts, best), count
end


local function look_on(shelf, facts, from, best, count)
    local path = facts.path
    local rest = #path - from
    for _, length in ipairs(shelf.lengths) do
        if length <= rest then
            local drawer = shelf.tails[sub(path, from + 1, from + length)]
            if drawer then
                best, count = look_in(drawer, facts, best, count)
            end
        end
    end
    return best, count
end


local function look_through(cabinet, facts, best, count)
    local path, shelves = facts.path, cabinet.shelves
    local drawer = cabinet.equal[path]
    if drawer then
        best, count = look_in(drawer, facts, best, count)
    end
    local slash = 0
    repeat
        local shelf = shelves[sub(path, 1, slash)]
        if shelf then
            best, count = look_on(shelf, facts, slash, best, count)
        end
        slash = find(path, "/", slash + 1, true)
    until not slash or slash > cabinet.longest
    return best, count
end


local function holds(condition, facts)
    local value = facts.header(facts, condition.name)
    if not value or (condition.equals and value ~= condition.equals) then
        return false
    end
    if condition.contains and not find(value, condition.contains, 1, true) then
        return false
    end
    return not condition.regex or found(value, condition.regex)
end


local function fits(entry, facts)
    for _, condition in ipairs(entry.conditions) do
        if not holds(condition, facts) then
            return false
        end
    end
    return true
end


--- The best of those with conditions, and whether a header was asked.
local function best_asking(list, facts, best)
    local asked = false
    for n = 1, #list do
        local entry = list[n]
        if best and wins_over(best, entry) then
            return best, asked
        end
        if not entry.methods or entry.methods[facts.method] then
            asked = true
            if fits(entry, facts) then
                return entry, asked
            end
        end
    end
    return best, asked
end


local function ask(drawer, facts, best)
    local simple = true
    for _, key in ipairs(drawer.keyed) do
        simple = false
        local list = key.values[facts.header(facts, key.name) or false]
        if list then
            best = best_asking(list, facts, best)
        end
    end
    local asked
    best, asked = best_asking(drawer.picky, facts, best)
    return best, simple and not asked
end


--- The entry that serves a request or nil, and whether host, path and method alone decided.
function _M.pick(cabinets, facts)
    local best, count = look_through(cabinets.any, facts, nil, 0)
    local host = facts.host
    if host then
        local cabinet = cabinets.exact[host]
        if cabinet then
            best, count = look_through(cabinet, facts, best, count)
        end
        local dot = find(host, ".", 2, true)
        while dot do
            cabinet = cabinets.wild[sub(host, dot)]
            if cabinet then
                best, count = look_through(cabinet, facts, best, count)
            end
            dot = find(host, ".", dot + 1, true)
        end
    end
    local simple = true
    for n = 1, count do
        local alone
        best, alone = ask(asking[n], facts, best)
        simple = simple and alone
    end
    return best, simple
end


return _M
