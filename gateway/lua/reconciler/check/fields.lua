--- Which fields there are, and of which type. Pure.

local pairs, tostring, type = pairs, tostring, type

local _M = {}


--- nil, or what of `thing` is not as `known` says: the types of its fields by their names.
function _M.misfit(what, thing, known)
    if type(thing) ~= "table" then
        return what .. " must be an object"
    end
    for key, value in pairs(thing) do
        local wanted = known[key]
        if not wanted then
            return "unknown field in " .. what .. ": " .. tostring(key)
        end
        if type(value) ~= wanted then
            return what .. "." .. key .. " must be a " .. wanted
        end
    end
end


return _M
