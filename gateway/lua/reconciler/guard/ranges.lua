--- Ranges of addresses, and whether an address is in them.

local ffi = require("ffi")

local C = ffi.C
local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local floor = math.floor
local ipairs, tonumber = ipairs, tonumber
local sort = table.sort

ffi.cdef([[
int inet_pton(int family, const char *text, void *address);
]])

local INET, INET6 = 2, 10
local MAPPED = ("\0"):rep(10) .. "\255\255" -- in front of an IPv4 address in IPv6's clothes

local room = ffi.new("unsigned char[16]")

local _M = {}


local function parse(text)
    if text == "all" then
        return { size = -1, bits = -1 }
    end
    local address, digits = match(text, "^([^/]+)/?(%d*)$")
    if not address or (find(text, "/", 1, true) and digits == "") then
        return nil
    end
    local is_six = find(address, ":", 1, true)
    if C.inet_pton(is_six and INET6 or INET, address, room) ~= 1 then
        return nil
    end
    local size = is_six and 16 or 4
    local bits = digits == "" and size * 8 or tonumber(digits)
    if bits > size * 8 then
        return nil
    end
    local whole = floor(bits / 8)
    local bytes = ffi.string(room, size)
    return {
        size = size,
        bits = bits,
        whole = whole,
        head = sub(bytes, 1, whole),
        rest = bits % 8,
        last = byte(bytes, whole + 1),
    }
end


local function holds(range, address)
    if range.size == -1 then
        return true
    end
    if #address ~= range.size or sub(address, 1, range.whole) ~= range.head then
        return false
    end
    if range.rest == 0 then
        return true
    end
    local step = 2 ^ (8 - range.rest)
    return floor(byte(address, range.whole + 1) / step) == floor(range.last / step)
end


--- Whether this is an address, a range or `all`.
function _M.is_range(text)
    return parse(text) ~= nil
end


--- An address in bytes, an IPv4 one without IPv6's clothes.
local function plain(address)
    if #address == 16 and sub(address, 1, 12) == MAPPED then
        return sub(address, 13)
    end
    return address
end

_M.plain = plain


--- Whether an address (in bytes) is admitted, as a function; nil when everybody is.
function _M.compile(allow, deny)
    local list = {}
    for _, text in ipairs(allow) do
        list[#list + 1] = parse(text)
        list[#list].admits = true
    end
    for _, text in ipairs(deny) do
        list[#list + 1] = parse(text)
        list[#list].admits = false
    end
    if #list == 0 then
        return nil
    end
    -- The narrowest decides. What is allowed and denied in the same words is denied.
    sort(list, function(a, b)
        if a.bits ~= b.bits then
            return a.bits > b.bits
        end
        return not a.admits and b.admits
    end)
    local others = #allow == 0
    return function(address)
        address = plain(address)
        for _, range in ipairs(list) do
            if holds(range, address) then
                return range.admits
            end
        end
        return others
    end
end


return _M
