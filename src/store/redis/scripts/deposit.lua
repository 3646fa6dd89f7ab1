-- Stores a batch of envelopes, in order. KEYS: the bucket of each. ARGV, seven for each: seconds of its TTL class,
-- expiry, capacity of its bucket, number of the first envelope should the bucket be new, sealed envelope, wake-up
-- channel, wake-up. [protocol 3, 8]
-- Returns the time of this server, then for each envelope: its number; -2 if it made the bucket and has the number given;
-- 0 if the bucket is full; -1 if this server had no memory left. An envelope whose expiry does not fit the time is not
-- stored, nor is any after it, and the list ends: the caller seals them anew, so that their order stays.
local call = redis.call
local now = tonumber(redis.call('TIME')[1])
local results = {now}
for i = 1, #KEYS do
  local at = (i - 1) * 7
  local class, expiry, capacity = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local slot = class / 6
  if expiry ~= math.floor((now + class) / slot) * slot then break end
  local length = call('XLEN', KEYS[i])
  if length >= capacity then
    results[i + 1] = 0
  else
    local id = '0-*'
    if length == 0 then id = '0-' .. ARGV[at + 4] end
    local added = redis.pcall('XADD', KEYS[i], id, 'e', ARGV[at + 5])
    if type(added) == 'table' then
      results[i + 1] = -1
    else
      results[i + 1] = -2
      if length == 0 then call('EXPIREAT', KEYS[i], expiry) else results[i + 1] = tonumber(string.sub(added, 3)) end
      call('SPUBLISH', ARGV[at + 6], ARGV[at + 7])
    end
  end
end
return results
