--- The rules of a table, filed so that a request looks only into the few drawers that can hold its
-- rule. A rule can be put in or taken out at the cost of that one rule. Pure.
--
--   index    one cabinet for any host, one per exact host, one per `.example.com` (for *.)
--   cabinet  `equal`: exact path -> drawer; `shelves`: a prefix up to its last / -> shelf
--   shelf    `tails`: what follows that / -> drawer ("" for nothing); `lengths`: theirs

local drawers = require("reconciler.match.drawer")
local entries = require("reconciler.match.entry")
local quota = require("reconciler.table.quota")

local match, sub = string.match, string.sub
local insert, remove, sort = table.insert, table.remove, table.sort
local ipairs, next = ipairs, next
local prepare, wins_over = entries.prepare, entries.wins_over

local _M = {}


local function made(map, key, make)
    local value = map[key]
    if not value then
        value = make()
        map[key] = value
    end
    return value
end


local function new_cabinet()
    return { equal = {}, shelves = {}, longest = 0 }
end


local function new_shelf()
    return { tails = {}, lengths = {}, counts = {} }
end


--- Where the cabinet of a host is; nil for any host.
local function place_of(host)
    if not host then
        return nil
    elseif sub(host, 1, 2) == "*." then
        return "wild", sub(host, 2)
    end
    return "exact", host
end


local function cabinet_for(index, host)
    local kind, key = place_of(host)
    return kind and made(index[kind], key, new_cabinet) or index.any
end


--- A prefix is what ends with its last /, and a tail.
local function stem_and_tail(entry)
    local stem, tail = match(entry.prefix or "", "^(.*/)([^/]*)$")
    return stem or "", tail or ""
end


local function longer_first(a, b)
    return a > b
end


--- The lengths of tails there are, the longest first.
local function count_length(shelf, length, step)
    local count = (shelf.counts[length] or 0) + step
    if count == step then -- the first
        insert(shelf.lengths, length)
        sort(shelf.lengths, longer_first)
    elseif count == 0 then -- the last
        for n, known in ipairs(shelf.lengths) do
            if known == length then
                remove(shelf.lengths, n)
            end
        end
    end
    shelf.counts[length] = count > 0 and count or nil
end


local function tail_drawer(shelf, tail)
    if not shelf.tails[tail] then
        count_length(shelf, #tail, 1)
    end
    return made(shelf.tails, tail, drawers.new)
end


local function drawer_for(cabinet, entry)
    if entry.equal then
        return made(cabinet.equal, entry.equal, drawers.new)
    end
    local stem, tail = stem_and_tail(entry)
    if #stem > cabinet.longest then
        cabinet.longest = #stem
    end
    return tail_drawer(made(cabinet.shelves, stem, new_shelf), tail)
end


--- No path fulfils both; so such a rule is known, and filed nowhere.
local function is_vain(entry)
    local prefix = entry.equal and entry.prefix
    return prefix and sub(entry.equal, 1, #prefix) ~= prefix
end


local function file(index, entry)
    index.entries[entry.name] = entry
    index.regexes = index.regexes + quota.regexes(entry.rule)
    if not is_vain(entry) then
        drawers.insert(drawer_for(cabinet_for(index, entry.host), entry), entry)
    end
end


--- Nothing stays that is empty: rules come and go for months.
local function take_out(index, entry)
    local cabinet = cabinet_for(index, entry.host)
    if not drawers.remove(drawer_for(cabinet, entry), entry) then
        return
    end
    if entry.equal then
        cabinet.equal[entry.equal] = nil
    else
        local stem, tail = stem_and_tail(entry)
        local shelf = cabinet.shelves[stem]
        shelf.tails[tail] = nil
        count_length(shelf, #tail, -1)
        if not next(shelf.tails) then
            cabinet.shelves[stem] = nil
        end
    end
    local kind, key = place_of(entry.host)
    if kind and not (next(cabinet.equal) or next(cabinet.shelves)) then
        index[kind][key] = nil
    end
end


--- Take a rule out, if it is there.
function _M.drop(index, name)
    local entry = index.entries[name]
    if not entry then
        return
    end
    index.entries[name] = nil
    index.regexes = index.regexes - quota.regexes(entry.rule)
    if not is_vain(entry) then
        take_out(index, entry)
    end
end


--- Put a rule in, in place of the one of its name.
function _M.put(index, rule)
    _M.drop(index, rule.name)
    file(index, prepare(rule))
end


local function no_pause() end


--- File all rules of a table. `entries` has them by name. `pause`, if there is one, is called with
-- the number of rules that were worked on, twice for all of them.
function _M.compile(rules, pause)
    pause = pause or no_pause
    local ranked = {}
    for n, rule in ipairs(rules) do
        ranked[n] = prepare(rule)
        pause(n)
    end
    sort(ranked, wins_over) -- so that each is filed behind the others of its list
    local index = { any = new_cabinet(), exact = {}, wild = {}, entries = {}, regexes = 0 }
    for n, entry in ipairs(ranked) do
        file(index, entry)
        pause(n)
    end
    return index
end


return _M
