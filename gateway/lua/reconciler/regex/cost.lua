--- How long a search for a regex may take at worst, told from its parts. Why it is told like that
-- is written in kinds/route/regex/cost.py, which does the same. Pure.

local refuse = require("reconciler.regex.chars").refuse
local sets = require("reconciler.regex.sets")

local ipairs, max, min = ipairs, math.max, math.min

local LONGEST_SUBJECT = 2048
local LARGEST = 1000
local MOST_WORK = 16 * LONGEST_SUBJECT ^ 2
local TOO_MANY =
    "it could be tried in too many ways; begin it with ^, or say what comes between"
local FIN, DONE = sets.fin, sets.done

local _M = { longest_subject = LONGEST_SUBJECT }

local cost_of


local function size_of(node)
    if node.type == "repeat" then
        return size_of(node.part) * max(1, node.least, node.most or 0) + 1
    end
    local size = 1
    for _, part in ipairs(node.parts or {}) do
        size = size + size_of(part)
    end
    return size
end


--- What a part can begin with, and whether it can be nothing.
local function first_of(node)
    if node.type == "one" then
        return node.codes, false
    elseif node.type == "repeat" then
        local codes, is_empty = first_of(node.part)
        return codes, is_empty or node.least == 0
    end
    local codes = sets.new()
    if node.type == "edge" then
        if node.is_end then
            sets.add(codes, FIN)
        end
        return codes, not node.is_end
    end
    local is_row = node.type == "row"
    local all_empty, any_empty = true, false
    for _, part in ipairs(node.parts) do
        local first, is_empty = first_of(part)
        codes = sets.union(codes, first)
        all_empty, any_empty = all_empty and is_empty, any_empty or is_empty
        if is_row and not is_empty then
            break
        end
    end
    if is_row then
        return codes, all_empty
    end
    return codes, any_empty
end


local function followed(node, follow)
    local codes, is_empty = first_of(node)
    return is_empty and sets.union(codes, follow) or codes
end


local function cost_of_run(parts, from)
    local at, work = from, 0
    while parts[at] and parts[at].type == "one" do
        work = work + (sets.meet(parts[at].codes, parts[from].codes) and 1 or 0)
        at = at + 1
    end
    return work, at
end


local function cost_of_row(parts, follow)
    local follows = { [#parts] = follow }
    for n = #parts, 2, -1 do
        follows[n - 1] = followed(parts[n], follows[n])
    end
    local ways, work, n = 1, 0, 1
    while parts[n] do
        if parts[n].type == "one" then
            local run
            run, n = cost_of_run(parts, n)
            work = work + ways * run
        else
            local its_ways, its_work = cost_of(parts[n], follows[n])
            work = work + ways * its_work
            ways = ways * its_ways
            n = n + 1
        end
    end
    return ways, work
end


local function cost_of_choice(parts, follow)
    local taken, is_decided = sets.new(), true
    local most, sum, work = 0, 0, 0
    for _, part in ipairs(parts) do
        local its_ways, its_work = cost_of(part, follow)
        most, sum, work = max(most, its_ways), sum + its_ways, work + its_work
        local codes = followed(part, follow)
        is_decided = is_decided and not sets.meet(codes, taken)
        taken = sets.union(taken, codes)
    end
    return is_decided and most or sum, work
end


local function without_done(codes)
    local other = sets.new()
    for code = 0, FIN do
        if sets.has(codes, code) then
            sets.add(other, code)
        end
    end
    return other
end


local function cost_of_repeat(node, follow)
    local part, least, most = node.part, node.least, node.most
    local codes, is_empty = first_of(part)
    local again = not most or most > 1
    local after = again and without_done(sets.union(codes, follow)) or follow
    local ways, work = cost_of(part, after)
    if again and is_empty then
        refuse("a repeat of what may be nothing", node.at)
    end
    if again and ways > 1 then
        refuse("what repeats could take the same text in several ways", node.at)
    end
    if sets.has(follow, DONE) then
        return 1, max(least, 1) * work
    end
    local times = most or LONGEST_SUBJECT
    local its = (least == most or not sets.meet(codes, follow)) and 1 or times - least + 1
    return its * ways, times * min(size_of(part), work) + work
end


function cost_of(part, follow)
    if part.type == "row" then
        return cost_of_row(part.parts, follow)
    elseif part.type == "choice" then
        return cost_of_choice(part.parts, follow)
    elseif part.type == "repeat" then
        return cost_of_repeat(part, follow)
    end
    return 1, 1
end


local function is_anchored(node)
    if node.type == "edge" then
        return not node.is_end
    elseif node.type == "row" then
        return node.parts[1] ~= nil and is_anchored(node.parts[1])
    elseif node.type == "choice" then
        for _, part in ipairs(node.parts) do
            if not is_anchored(part) then
                return false
            end
        end
        return true
    end
    return false
end


local function first_repeat(node)
    if node.type == "repeat" then
        return node.at
    end
    local at = 0
    for _, part in ipairs(node.parts or {}) do
        local its = first_repeat(part)
        if its > 0 and (at == 0 or its < at) then
            at = its
        end
    end
    return at
end


--- Raises what `refuse` does for a regex that a hostile text could make slow.
function _M.check(node)
    if size_of(node) > LARGEST then
        refuse("its counts make it longer than " .. LARGEST .. " characters", 1)
    end
    local follow = sets.new()
    sets.add(follow, DONE)
    local ways, work = cost_of(node, follow)
    local starts = is_anchored(node) and 1 or LONGEST_SUBJECT
    if starts * (work + ways) > MOST_WORK then
        refuse(TOO_MANY, first_repeat(node))
    end
end


return _M
