--- What a client must show: a name and a password, or a token.
--
-- Wrong passwords of an address are counted, and after some it has to wait: hashes that are slow to
-- guess are slow to check, too. Tokens are random and hashed quickly: nobody has to wait for those.

local hashes = require("reconciler.guard.hashes")
local pages = require("reconciler.request.pages")
local ranges = require("reconciler.guard.ranges")
local slow = require("reconciler.guard.slow")

local find, lower, match, sub = string.find, string.lower, string.match, string.sub
local tries = ngx.shared.reconciler_tries
local ipairs = ipairs
local ngx = ngx

local LONGEST = 2048 -- bytes of what is shown
local MOST_TRIES, TRIES_LAST = 20, 60 -- wrong ones of an address; seconds
local MOST_KNOWN = 4096
local NOBODY = { name = "", salt = "nobody", hash = { sealed = ("0"):rep(64) } }

local _M = {}

local known, known_count = {}, 0 -- what was found to be right: it is not worked out again


local function remember(key)
    if known_count >= MOST_KNOWN then
        known, known_count = {}, 0
    end
    known[key], known_count = true, known_count + 1
end


--- Who tries: an address, or the network of one person where these are many.
local function visitor()
    local address = ranges.plain(ngx.var.binary_remote_addr)
    return #address == 4 and address or sub(address, 1, 8)
end


local function shown(wanted)
    local header = ngx.var.http_authorization
    if not header or #header > LONGEST then
        return nil
    end
    local scheme, rest = match(header, "^(%a+) +(%S+)$")
    return scheme and lower(scheme) == wanted and rest or nil
end


local function is_of(user, password, rounds)
    local hash = (user.hash or user.crypt).sealed
    local made
    if user.hash then
        made = hashes.stretch(password, user.salt, rounds)
    else
        made = hashes.crypt(password, hash)
    end
    return hashes.equal(made, hash)
end


local function check_user(users, rounds)
    local text = shown("basic")
    local name, password = match(text and ngx.decode_base64(text) or "", "^([^:]*):(.*)$")
    if not name or find(password, "%z") then
        return nil
    end
    local user = users[name] or NOBODY
    local hash = (user.hash or user.crypt).sealed
    local key = hashes.sha256(user.name .. "\0" .. hash .. "\0" .. password)
    return key, function()
        return is_of(user, password, rounds) and user ~= NOBODY
    end
end


local function check_token(tokens)
    local text = shown("bearer")
    if not text then
        return nil
    end
    return nil, function()
        local found = false
        for _, token in ipairs(tokens) do -- all of them, whichever it is
            if hashes.equal(hashes.sha256(token.salt .. text), token.hash.sealed) then
                found = true
            end
        end
        return found
    end
end


local function by_name(users)
    local found = {}
    for _, user in ipairs(users) do
        found[user.name] = user
    end
    return found
end


local function wait()
    ngx.header.retry_after = TRIES_LAST
    return pages.say(429, "too many wrong tries: wait a minute")
end


local function count(visitor_now)
    local _, err = tries:incr(visitor_now, 1, 0, TRIES_LAST)
    if err then
        ngx.log(ngx.ERR, "cannot count wrong tries: ", err)
    end
end


local function forgive(visitor_now)
    tries:incr(visitor_now, -1) -- it may be forgotten by now
end


--- Why a password is not taken, as a function that says so; nil when it is right.
local function doubt(key, check, ask)
    local visitor_now = visitor()
    if (tries:get(visitor_now) or 0) >= MOST_TRIES then
        return wait
    end
    -- As a wrong one until it is known better: many at once count as many.
    count(visitor_now)
    if not slow.begin() then
        forgive(visitor_now)
        return pages.too_many
    end
    if not (known[key] or slow.run(check)) then
        return ask
    end
    forgive(visitor_now)
    remember(key)
end


--- Why the client is not let in, as a function that says so; nil when it is.
local function refusal(look, ask)
    local key, check = look()
    if not check then
        return ask
    end
    local why
    if not key then
        why = not check() and ask or nil
    elseif not known[key] then
        why = doubt(key, check, ask)
    end
    if not why then
        -- Not the business of who is behind.
        ngx.req.clear_header("Authorization")
    end
    return why
end


--- What is asked of clients, as a function: nil for who may go on, else what to say. nil when
-- nothing is asked.
function _M.compile(access)
    local look, challenge
    if access.users then
        local users, rounds = by_name(access.users), access.rounds
        challenge = 'Basic realm="' .. (access.realm or "restricted") .. '", charset="UTF-8"'
        look = function()
            return check_user(users, rounds)
        end
    elseif access.tokens then
        challenge = "Bearer"
        look = function()
            return check_token(access.tokens)
        end
    else
        return nil
    end
    local function ask()
        ngx.header.www_authenticate = challenge
        ngx.header.cache_control = "no-store"
        return pages.say(401, "show who you are")
    end
    return function()
        return refusal(look, ask)
    end
end


return _M
