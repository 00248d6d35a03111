--- Table + facts of a request -> the winning rule. Pure: knows nothing of nginx.
--
-- Who wins never depends on the request: by priority, then the longer pathPrefix, then the longer
-- refererSubstr, then order, then name. So rules are ranked once, filed by host and path, and a
-- request looks only into the few drawers that can hold its rule.

local paths = require("reconciler.path")

local find, sub = string.find, string.sub
local insert, sort = table.insert, table.sort
local ipairs, pairs = ipairs, pairs

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
    return { equal = {}, prefix = {}, lengths = {} }
end


local function cabinet_for(index, host)
    if not host then
        return index.any
    end
    local shelf, key = index.exact, host
    if sub(host, 1, 2) == "*." then
        shelf, key = index.wild, sub(host, 2)
    end
    if not shelf[key] then
        shelf[key] = cabinet()
    end
    return shelf[key]
end


local function file(drawers, key, entry)
    if not drawers[key] then
        drawers[key] = {}
    end
    insert(drawers[key], entry)
end


local function measure(shelf)
    for _, drawers in pairs(shelf) do
        local seen = {}
        for prefix in pairs(drawers.prefix) do
            if not seen[#prefix] then
                seen[#prefix] = true
                insert(drawers.lengths, #prefix)
            end
        end
        sort(drawers.lengths)
    end
end


--- Rank and file the rules of a table, once per version.
function _M.compile(rules)
    local ranked = {}
    for i, rule in ipairs(rules) do
        ranked[i] = prepare(rule)
    end
    sort(ranked, wins_over)
    local index = { any = cabinet(), exact = {}, wild = {} }
    for rank, entry in ipairs(ranked) do
        entry.rank = rank
        local drawers = cabinet_for(index, entry.host)
        if entry.equal then
            file(drawers.equal, entry.equal, entry)
        else
            file(drawers.prefix, entry.prefix or "", entry)
        end
    end
    measure({ index.any })
    measure(index.exact)
    measure(index.wild)
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
        if best and entry.rank > best.rank then
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
