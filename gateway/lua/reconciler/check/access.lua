--- What a rule may say about who may use it. Pure.

local fields = require("reconciler.check.fields")
local ranges = require("reconciler.guard.ranges")

local find = string.find
local floor = math.floor
local ipairs, type = ipairs, type

local KNOWN = {
    allow = "table", deny = "table", realm = "string", rounds = "number", users = "table",
    tokens = "table",
}
local USER = { name = "string", salt = "string", hash = "table", crypt = "table" }
local TOKEN = { salt = "string", hash = "table" }
local FEWEST_ROUNDS, MOST_ROUNDS = 1000, 1000000

local _M = {}


local function misfit_ranges(what, list)
    for _, text in ipairs(list or {}) do
        if type(text) ~= "string" or not ranges.is_range(text) then
            return what .. ": not an address, a range or all"
        end
    end
end


local function is_digest(hash)
    return hash and type(hash.sealed) == "string" and find(hash.sealed, "^%x+$")
        and #hash.sealed == 64
end


local function misfit_user(user)
    local why = fields.misfit("access.users", user, USER)
    if why then
        return why
    end
    local has_hash = is_digest(user.hash) and user.salt
    local crypt = user.crypt and user.crypt.sealed
    local has_crypt = type(crypt) == "string" and find(crypt, "^%$[%w./$=]+$")
    if not user.name or not (has_hash or has_crypt) then
        return "access.users: each needs a name and a hash"
    end
end


local function misfit_token(token)
    return fields.misfit("access.tokens", token, TOKEN)
        or (not (token.salt and is_digest(token.hash)) and "access.tokens: each needs a hash")
        or nil
end


local function first(list, misfit)
    for _, one in ipairs(list or {}) do
        local why = misfit(one)
        if why then
            return why
        end
    end
end


local function misfit_basic(access)
    local rounds = access.rounds
    if not access.users then
        -- A list that was empty may have been left out on the way.
        return (rounds or access.realm) and "access.realm and access.rounds need users" or nil
    end
    if not rounds or rounds ~= floor(rounds) or rounds < FEWEST_ROUNDS or rounds > MOST_ROUNDS then
        return "access.rounds must be " .. FEWEST_ROUNDS .. " to " .. MOST_ROUNDS
    end
    if access.realm and find(access.realm, '[%c"\\]') then
        return "access.realm must be one line without quotes"
    end
    -- An empty list asks for a password that nobody has.
    return access.tokens and "access has either users or tokens" or nil
end


--- nil, or what is wrong with `access`.
function _M.misfit(access)
    return fields.misfit("access", access, KNOWN)
        or misfit_ranges("access.allow", access.allow)
        or misfit_ranges("access.deny", access.deny)
        or misfit_basic(access)
        or first(access.users, misfit_user)
        or first(access.tokens, misfit_token)
end


return _M
