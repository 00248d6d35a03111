--- Sets of bytes, and of two signs besides: a bit for each. Pure.

local bit = require("bit")

local band, bnot, bor, lshift, rshift = bit.band, bit.bnot, bit.bor, bit.lshift, bit.rshift

local WORDS = 9 -- 256 bytes, and what else there is to follow

local _M = { fin = 256, done = 257 }


function _M.new()
    return { 0, 0, 0, 0, 0, 0, 0, 0, 0 }
end


function _M.add(set, code)
    local word = rshift(code, 5) + 1
    set[word] = bor(set[word], lshift(1, band(code, 31)))
end


function _M.has(set, code)
    return band(set[rshift(code, 5) + 1], lshift(1, band(code, 31))) ~= 0
end


function _M.union(a, b)
    local set = {}
    for word = 1, WORDS do
        set[word] = bor(a[word], b[word])
    end
    return set
end


--- All other bytes.
function _M.inverse(set)
    local other = {}
    for word = 1, WORDS - 1 do
        other[word] = bnot(set[word])
    end
    other[WORDS] = 0
    return other
end


--- Whether the two have anything in common.
function _M.meet(a, b)
    for word = 1, WORDS do
        if band(a[word], b[word]) ~= 0 then
            return true
        end
    end
    return false
end


function _M.is_empty(set)
    return not _M.meet(set, set)
end


return _M
