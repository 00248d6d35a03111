--- Table + facts of a request -> the winning rule. Pure: knows nothing of nginx.
--
-- Who wins never depends on the request: by priority, then the longer pathPrefix, then the longer
-- refererSubstr, then order, then name. So rules are filed by host and path, each drawer in the
-- order of who wins, and a request looks only into the few drawers that can hold its rule. One rule
-- more or less touches one drawer.

local paths = require("reconciler.path")

local find, sub = string.find, string.sub
local floor = math.floor
local insert, remove, sort = table.insert, table.remove, table.sort
local ipairs, next = ipairs, next

local _M = {}


local function set_of(list)
    if not list then
        return nil
    end
    local set = {}
    for _, item in ipairs(list) do
        set[item] = true
    end
    return set
end


local function prepare(rule)
    local match = rule.match or {}
    return {
        name = rule.name,
        rule = rule,
        priority = rule.priority or 0,
        order = rule.order or 0,
        host = match.host,
        prefix = match.pathPrefix and paths.normalise(match.pathPrefix) or nil,
        equal = match.pathEqual and paths.normalise(match.pathEqual) or nil,
        methods = set_of(match.methods),
        referer = match.refererSubstr,
    }
end


local function wins_over(a, b)
    if a.priority ~= b.priority then
        return a.priority > b.priority
    end
    local a_prefix, b_prefix = #(a.prefix or ""), #(b.prefix or "")
    if a_prefix ~= b_prefix then
        return a_prefix > b_prefix
    end
    local a_referer, b_referer = #(a.referer or ""), #(b.referer or "")
    if a_referer ~= b_referer then
        return a_referer > b_referer
    end
    if a.order ~= b.order then
        return a.order < b.order
    end
    return a.name < b.name
end


local function cabinet()
    return { equal = {}, prefix = {}, lengths = {}, count = {} }
end


local function place_of(host)
    if not host then
        return nil
    elseif sub(host, 1, 2) == "*." then
        return "wild", sub(host, 2)
    end
    return "exact", host
end


local function cabinet_for(index, host)
    local shelf, key = place_of(host)
    if not shelf then
        return index.any
    end
    if not index[shelf][key] then
        index[shelf][key] = cabinet()
    end
    return index[shelf][key]
end


--- Where in a list that is sorted by who wins an entry is, or would be.
local function position(entries, entry)
    local low, high = 1, #entries + 1
    while low < high do
        local middle = floor((low + high) / 2)
        if wins_over(entries[middle], entry) then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end


local function count_length(drawers, length, step)
    local count = (drawers.count[length] or 0) + step
    if count == step then -- the first
        insert(drawers.lengths, length)
        sort(drawers.lengths)
    elseif count == 0 then -- the last
        for i, known in ipairs(drawers.lengths) do
            if known == length then
                remove(drawers.lengths, i)
            end
        end
    end
    drawers.count[length] = count > 0 and count or nil
end


local function drawer_of(drawers, entry)
    if entry.equal then
        return drawers.equal, entry.equal
    end
    return drawers.prefix, entry.prefix or ""
end


local function file(index, entry)
    local drawers = cabinet_for(index, entry.host)
    local drawer, key = drawer_of(drawers, entry)
    if not drawer[key] then
        drawer[key] = {}
        if not entry.equal then
            count_length(drawers, #key, 1)
        end
    end
    insert(drawer[key], position(drawer[key], entry), entry)
    index.entries[entry.name] = entry
end


--- Take a rule out of the index, if it is there.
function _M.drop(index, name)
    local entry = index.entries[name]
    if not entry then
        return
    end
    index.entries[name] = nil
    local drawers = cabinet_for(index, entry.host)
    local drawer, key = drawer_of(drawers, entry)
    remove(drawer[key], position(drawer[key], entry))
    if drawer[key][1] then
        return
    end
    drawer[key] = nil
    if not entry.equal then
        count_length(drawers, #key, -1)
    end
    local shelf, host = place_of(entry.host)
    if shelf and not next(drawers.equal) and not next(drawers.prefix) then
        index[shelf][host] = nil
    end
end


--- Put a rule into the index, in place of the one of its name.
function _M.put(index, rule)
    _M.drop(index, rule.name)
    file(index, prepare(rule))
end


--- Rank and file the rules of a table. `entries` has them by name.
function _M.compile(rules)
    local ranked = {}
    for i, rule in ipairs(rules) do
        ranked[i] = prepare(rule)
    end
    sort(ranked, wins_over) -- so that each is filed behind the others of its drawer
    local index = { any = cabinet(), exact = {}, wild = {}, entries = {} }
    for _, entry in ipairs(ranked) do
        file(index, entry)
    end
    return index
end


local function fits(entry, facts)
    if entry.methods and not entry.methods[facts.method] then
        return false
    end
    if entry.referer and not (facts.referer and find(facts.referer, entry.referer, 1, true)) then
        return false
    end
    -- A rule filed by its exact path may name a prefix as well.
    return not (entry.equal and entry.prefix)
        or sub(facts.path, 1, #entry.prefix) == entry.prefix
end


local function best_of(entries, facts, best)
    for _, entry in ipairs(entries) do
        if best and wins_over(best, entry) then
            return best
        end
        if fits(entry, facts) then
            return entry
        end
    end
    return best
end


local function search(drawers, facts, best)
    local path = facts.path
    local entries = drawers.equal[path]
    if entries then
        best = best_of(entries, facts, best)
    end
    local size = #path
    for _, length in ipairs(drawers.lengths) do
        if length > size then
            break
        end
        entries = drawers.prefix[sub(path, 1, length)]
        if entries then
            best = best_of(entries, facts, best)
        end
    end
    return best
end


--- The rule that serves a request, or nil. `facts`: host, path (normalised), method, referer.
function _M.pick(index, facts)
    local best = search(index.any, facts, nil)
    local host = facts.host
    if not host then
        return best
    end
    if index.exact[host] then
        best = search(index.exact[host], facts, best)
    end
    local dot = find(host, ".", 2, true)
    while dot do
        local drawers = index.wild[sub(host, dot)]
        if drawers then
            best = search(drawers, facts, best)
        end
        dot = find(host, ".", dot + 1, true)
    end
    return best
end


return _M
