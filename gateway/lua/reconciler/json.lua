--- JSON in which null is nothing.

local cjson = require("cjson.safe")

local pairs, type = pairs, type

local _M = { encode = cjson.encode, null = cjson.null }


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


--- The value, or nil and why it is none.
function _M.decode(text)
    local value, err = cjson.decode(text)
    if value == nil then
        return nil, "not valid JSON: " .. (err or "?")
    end
    return without_null(value)
end


return _M
