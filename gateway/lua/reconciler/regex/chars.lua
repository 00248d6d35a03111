--- Reads the characters of a regex: one at a time, escaped, or as a set. Pure.

local sets = require("reconciler.regex.sets")

local byte, find, lower, sub, upper =
    string.byte, string.find, string.lower, string.sub, string.upper
local char, error = string.char, error

local _M = {}


function _M.refuse(text, at)
    error({ text = text, at = at }, 0)
end


local refuse = _M.refuse


local function class_of(letter)
    local codes = sets.new()
    for code = 0, 255 do
        -- In the C locale, as nginx runs, these are PCRE's classes too.
        local is_in = letter == "d" and code >= 48 and code <= 57
            or letter == "w" and code < 128 and find(char(code), "[%w_]") ~= nil
            or letter == "s" and (code == 32 or code >= 9 and code <= 13)
        if is_in then
            sets.add(codes, code)
        end
    end
    return codes
end


local CLASSES = { d = class_of("d"), w = class_of("w"), s = class_of("s") }


function _M.peek(state, ahead)
    local at = state.at + (ahead or 0)
    return sub(state.text, at, at)
end


function _M.take(state)
    local c = _M.peek(state)
    if c == "" then
        refuse("it ends too early", state.at)
    end
    state.at = state.at + 1
    return c
end


function _M.code_of(state, c)
    local codes = sets.new()
    sets.add(codes, byte(c))
    if state.folds then
        sets.add(codes, byte(lower(c)))
        sets.add(codes, byte(upper(c)))
    end
    return codes
end


--- Codes of `\d`, `\.` and the like, and whether these are a class.
function _M.escaped(state)
    local c = _M.take(state)
    if not find(c, "%w") then
        local codes = sets.new()
        sets.add(codes, byte(c))
        return codes
    end
    local codes = CLASSES[lower(c)]
    if not codes then
        refuse("\\" .. c .. " is no part of this language", state.at - 2)
    end
    return c == lower(c) and codes or sets.inverse(codes), true
end


local function member(state)
    local c = _M.take(state)
    if c == "\\" then
        return _M.escaped(state)
    end
    if c == "[" or c == "]" then
        refuse("a " .. c .. " in a set; write \\" .. c .. " for the character", state.at - 1)
    end
    return _M.code_of(state, c)
end


local function span(state)
    local low, low_is_class = member(state)
    local after = _M.peek(state, 1)
    if _M.peek(state) ~= "-" or after == "]" or after == "" then
        return low
    end
    local at = state.at
    _M.take(state)
    local _, high_is_class = member(state)
    if low_is_class or high_is_class then
        refuse("a range from or to a class", at)
    end
    local first, last = byte(state.text, at - 1), byte(state.text, state.at - 1)
    if first > last then
        refuse("a range that goes backwards", at)
    end
    local codes = sets.new()
    for code = first, last do
        codes = sets.union(codes, _M.code_of(state, char(code)))
    end
    return codes
end


function _M.set(state, begin)
    local is_inverse = _M.peek(state) == "^"
    if is_inverse then
        state.at = state.at + 1
    end
    local codes, first = sets.new(), state.at
    while _M.peek(state) ~= "]" or state.at == first do
        if _M.peek(state) == "" then
            refuse("a [ that is not closed", begin)
        end
        codes = sets.union(codes, span(state))
    end
    _M.take(state)
    codes = is_inverse and sets.inverse(codes) or codes
    if sets.is_empty(codes) then
        refuse("a set that nothing is in", begin)
    end
    return codes
end


return _M
