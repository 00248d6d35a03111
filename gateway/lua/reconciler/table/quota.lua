--- How much a table may hold. Pure.

local ipairs = ipairs

local MOST_REGEXES = 1000 -- each is kept compiled in every worker

local _M = {
    most_regexes = MOST_REGEXES,
    too_many = "the table has more than " .. MOST_REGEXES .. " regexes",
}


--- How many regexes a rule has.
function _M.regexes(rule)
    local match = rule.match or {}
    local count = match.refererRegex and 1 or 0
    for _, header in ipairs(match.headers or {}) do
        count = count + (header.regex and 1 or 0)
    end
    return count
end


--- nil, or what a change would make too much of, and the rule.
function _M.misfit(index, ops)
    local regexes = index.regexes
    for _, op in ipairs(ops) do
        local before = index.entries[op.put and op.put.name or op.drop]
        regexes = regexes + (op.put and _M.regexes(op.put) or 0)
            - (before and _M.regexes(before.rule) or 0)
        if op.put and regexes > MOST_REGEXES then
            return _M.too_many, op.put.name
        end
    end
end


return _M
