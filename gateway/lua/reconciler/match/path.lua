--- The one form of a path. What rules are matched with is byte for byte what a backend receives,
-- so no spelling of a path can pass a rule and mean something else behind it.

local byte, char, format = string.byte, string.char, string.format
local find, gmatch, gsub, lower = string.find, string.gmatch, string.gsub, string.lower
local tonumber = tonumber

local SLASH = byte("/")
local ODD = "[^%w%-._~!$&'()*+,=:@/]" -- `;` and `%` are legal, but need a closer look

local _M = {}


local function encode(c)
    return format("%%%02X", byte(c))
end


--- Decode what never needed encoding, keep the rest encoded, refuse what two programs might read
-- in two ways.
local function recode(raw)
    local refused
    local path = gsub(raw, "%%(%x%x)", function(hex)
        local c = char(tonumber(hex, 16))
        if c == "/" or c == "\\" or c == "\0" then
            refused = "%" .. lower(hex)
        elseif find(c, "[%w%-._~]") then
            return c
        end
        return encode(c)
    end)
    if refused then
        return nil, "an encoded character that has no place in a path: " .. refused
    end
    return path
end


local function has_dot_segment(path)
    for segment in gmatch(path, "[^/]+") do
        -- Some servers cut a segment at `;` before they look at it.
        local name = gsub(gsub(segment, "%%3B", ";"), ";.*$", "")
        if name == "." or name == ".." then
            return true
        end
    end
    return false
end


local function normalise_slowly(raw)
    if find(raw, "[\\#?%z]") then
        return nil, "a character that has no place in a path"
    end
    if find(gsub(raw, "%%%x%x", ""), "%", 1, true) then
        return nil, "a percent sign that encodes nothing"
    end
    local path, why = recode(raw)
    if not path then
        return nil, why
    end
    path = gsub(path, "[^%w%-._~!$&'()*+,;=:@/%%]", encode)
    path = gsub(path, "//+", "/")
    if has_dot_segment(path) then
        return nil, "a segment `.` or `..`"
    end
    return path
end


--- The normal form of `raw`, or nil and what is wrong with it.
function _M.normalise(raw)
    if byte(raw, 1) ~= SLASH then
        return nil, "a path begins with /"
    end
    -- The usual path costs three searches and no new string.
    if not find(raw, ODD) and not find(raw, "//", 1, true) and not find(raw, "/.", 1, true) then
        return raw
    end
    return normalise_slowly(raw)
end


return _M
