# acl.auth.php
# <?php exit()?>
# Who may do what in this wiki. It travels to everybody. Citizens may do everything on their own machines; on the server everybody only reads, and
# these lines can take that away: "private:*  @ALL  0".
#
*               @ALL          1
