--- JSON in which null is nothing.

local cjson = require("cjson.safe")

local pairs, type = pairs, type

local _M = { encode = cjson.encode, null = cjson.null }


--- `value` without what is null in it; it is changed in place.
local function without_null(value)
    if type(value) ~= "table" then
        return value
    end
    for key, item in pairs(value) do
        if item == cjson.null then
            value[key] = nil
        else
            without_null(item)
        end
    end
    return value
end


--- The value as it is written, or nil and why it is none.
function _M.parse(text)
    local value, err = cjson.decode(text)
    if value == nil then
        return nil, "not valid JSON: " .. (err or "?")
    end
    return value
end


--- The same without what is null in it.
function _M.decode(text)
    local value, err = _M.parse(text)
    return without_null(value), err
end


_M.clean = without_null


return _M
