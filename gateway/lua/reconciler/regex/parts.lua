--- A regex -> its parts, or what is wrong with it. The language is small: what PCRE and the
-- operator's Python read alike. The same steps as kinds/route/regex/parts.py. Pure.

local chars = require("reconciler.regex.chars")
local cost = require("reconciler.regex.cost")
local sets = require("reconciler.regex.sets")

local find, match, sub = string.find, string.match, string.sub
local pcall, tonumber, type = pcall, tonumber, type
local code_of, escaped, peek, take = chars.code_of, chars.escaped, chars.peek, chars.take
local refuse = chars.refuse

local LONGEST = 256
local DEEPEST = 20

local _M = { longest_subject = cost.longest_subject }


local parse_choice


local function parse_group(state, begin)
    if peek(state) == "?" then
        if peek(state, 1) ~= ":" then
            refuse("of groups only (…) and (?:…) are known; (?i) may stand first", state.at)
        end
        state.at = state.at + 2
    elseif peek(state) == "*" then
        refuse("a verb of PCRE is no part of this language", state.at)
    end
    state.depth = state.depth + 1
    if state.depth > DEEPEST then
        refuse("groups nested more than " .. DEEPEST .. " deep", begin)
    end
    local node = parse_choice(state)
    if peek(state) ~= ")" then
        refuse("a ( that is not closed", begin)
    end
    take(state)
    state.depth = state.depth - 1
    return node
end


local function parse_atom(state)
    local begin, c = state.at, take(state)
    if c == "(" then
        return parse_group(state, begin)
    elseif c == "[" then
        return { type = "one", codes = chars.set(state, begin) }
    elseif c == "^" or c == "$" then
        return { type = "edge", is_end = c == "$" }
    elseif c == "." then
        return { type = "one", codes = sets.inverse(sets.new()) }
    elseif c == "\\" then
        local codes = escaped(state)
        return { type = "one", codes = codes }
    elseif find(c, "[*+?]") then
        refuse("a " .. c .. " that repeats nothing", begin)
    elseif find(c, "[{}%]]") then
        refuse("a lone " .. c .. "; write \\" .. c .. " for the character", begin)
    end
    return { type = "one", codes = code_of(state, c) }
end


--- least, most (nil without a limit)
local function parse_count(state)
    local text, least, comma, most =
        match(state.text, "^({(%d%d?%d?%d?)(,?)(%d?%d?%d?%d?)})", state.at)
    if not text or (comma == "" and most ~= "") then
        refuse("a { that begins no count; write \\{ for the character", state.at)
    end
    least, most = tonumber(least), tonumber(most)
    if comma == "" then
        most = least
    end
    if most and (most < least or most == 0) then
        refuse("a count that allows nothing", state.at)
    end
    state.at = state.at + #text
    return least, most
end


local function parse_repeat(state, part, begin)
    local c, at = peek(state), state.at
    local least, most
    if c == "*" or c == "+" or c == "?" then
        take(state)
        least, most = c == "+" and 1 or 0, c == "?" and 1 or nil
    elseif c == "{" then
        least, most = parse_count(state)
    else
        return part
    end
    if part.type == "edge" then
        refuse("^ and $ cannot be repeated", at)
    end
    if peek(state) == "?" then -- whether it takes few or many first: the answer is the same
        take(state)
    end
    if find(peek(state), "[*+?{]") then
        refuse("a repeat of a repeat", state.at)
    end
    return { type = "repeat", part = part, least = least, most = most, at = begin }
end


local function parse_row(state)
    local parts = {}
    while not find(peek(state), "^[|)]?$") do
        local begin = state.at
        parts[#parts + 1] = parse_repeat(state, parse_atom(state), begin)
    end
    return #parts == 1 and parts[1] or { type = "row", parts = parts }
end


function parse_choice(state)
    local begin, parts = state.at, { parse_row(state) }
    while peek(state) == "|" do
        take(state)
        parts[#parts + 1] = parse_row(state)
    end
    return #parts == 1 and parts[1] or { type = "choice", parts = parts, at = begin }
end


local function parse(text)
    if #text > LONGEST then
        refuse("longer than " .. LONGEST .. " characters", LONGEST + 1)
    end
    local odd = find(text, "[^ -~]")
    if odd then
        refuse("only plain ASCII characters can be compared", odd)
    end
    local state = { text = text, at = 1, depth = 0, folds = sub(text, 1, 4) == "(?i)" }
    if state.folds then
        state.at = 5
    end
    local node = parse_choice(state)
    if peek(state) ~= "" then
        refuse("a ) that closes nothing", state.at)
    end
    cost.check(node)
end


--- nil, or why a regex may not be used.
function _M.misfit(text)
    local ok, why = pcall(parse, text)
    if ok then
        return nil
    end
    if type(why) ~= "table" then
        return "it cannot be read: " .. why
    end
    return why.text .. ", at character " .. why.at .. " of the regex"
end


return _M
