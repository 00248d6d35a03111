--- Work that holds up a worker, such as the hashes of passwords: a bit at a time, and the others go
-- on in between.

local clock, max = os.clock, math.max
local ngx = ngx

local SHARE = 4 -- of a worker's time at most one part in so many is spent on it
local LONGEST = 2 -- seconds somebody waits for it

local _M = {}

local free_at = 0 -- when the next may begin
local cost = 0.02 -- seconds; what the last took


--- Wait for a turn. false when too many do.
function _M.begin()
    local moment = ngx.now()
    local at = max(moment, free_at)
    if at - moment > LONGEST then
        return false
    end
    free_at = at + SHARE * cost
    if at > moment then
        ngx.sleep(at - moment)
    end
    return true
end


--- Do it; what it returns.
function _M.run(work)
    local began = clock()
    local result = work()
    cost = clock() - began
    return result
end


return _M
