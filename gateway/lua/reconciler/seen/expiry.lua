--- Ends the numbers of routes that are gone, so that those who come and go do not fill the room.

local dict = ngx.shared.reconciler
local ngx = ngx
local store = require("reconciler.table.store")
local tally = require("reconciler.seen.tally")

local sub = string.sub

local LOOK_EVERY = 10 -- seconds
local KEEP = 120 -- seconds: a few scrapes see how it ended

local _M = {}

local next_look = 0
local gone = {} -- since when, by slot


local function look_at(slot, entries, moment)
    local name = dict:get("slot:name:" .. slot)
    if not name or sub(name, 1, 1) == "(" or entries[name] then
        gone[slot] = nil
    elseif not gone[slot] then
        gone[slot] = moment
    elseif moment - gone[slot] >= KEEP then
        tally.release(slot, name)
    end
end


--- For a timer of one worker.
function _M.look()
    local moment = ngx.now()
    if moment < next_look then
        return
    end
    next_look = moment + LOOK_EVERY
    local entries = store.current().index.entries
    for slot = 1, tally.last() do
        look_at(slot, entries, moment)
    end
end


return _M
